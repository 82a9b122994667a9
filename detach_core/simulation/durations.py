"""How long gestures take: draws from the histograms of the real recordings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from detach_core.simulation.trace import Array


@dataclass(frozen=True)
class DurationHistogram:
    """A histogram of durations: `edges_s` (B + 1,), `share` (B,) that sums to 1."""

    edges_s: Array
    share: Array

    @property
    def mean_s(self) -> float:
        """The mean, with every bin's mass at its centre."""
        return float((self.edges_s[:-1] + self.edges_s[1:]) @ self.share / 2)

    def draw(self, generator: np.random.Generator) -> float:
        """One duration (s): a bin by its share, then uniform inside it."""
        index = int(generator.choice(len(self.share), p=self.share))
        return float(generator.uniform(self.edges_s[index], self.edges_s[index + 1]))


@lru_cache(maxsize=1)
def gesture_durations() -> dict[str, DurationHistogram]:
    """Gesture label -> histogram of its durations (`gesture_durations.json` names the source)."""
    text = (Path(__file__).parent / "gesture_durations.json").read_text(encoding="utf-8")
    found = {}
    for label, entry in json.loads(text)["gestures"].items():
        share = np.array(entry["share"])
        found[label] = DurationHistogram(np.array(entry["bin_edges_s"]), share / share.sum())
    return found
