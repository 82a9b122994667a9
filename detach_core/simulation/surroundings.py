"""What moves in the picture without anybody's doing: curtain, plant, someone outside."""

from __future__ import annotations

import numpy as np

from detach_core.config.simulation import DistractorSection
from detach_core.simulation.trace import Array


def surroundings(time_s: Array, distractors: DistractorSection, generator: np.random.Generator) -> dict[str, Array]:
    """The `distractor` signals (T,) of a trace: sway of curtain and plant, way of the passer-by."""
    found = {name: np.zeros(len(time_s)) for name in ("curtain", "plant", "passer_by")}
    minutes = float(time_s[-1]) / 60
    for name in ("curtain", "plant"):
        for start_s in _starts(distractors.sway_per_min * minutes, time_s, generator):
            length_s, strength = generator.uniform(4, 15), generator.uniform(0.3, 1.0)
            inside = np.clip((time_s - start_s) / length_s, 0, 1)
            found[name] = np.maximum(found[name], strength * np.sin(np.pi * inside) ** 2)
    for start_s in _starts(distractors.passer_by_per_min * minutes, time_s, generator):
        way = (time_s - start_s) / generator.uniform(4, 8)
        found["passer_by"] = np.where((way > 0) & (way < 1), way, found["passer_by"])
    return found


def _starts(expected: float, time_s: Array, generator: np.random.Generator) -> Array:
    return np.sort(generator.uniform(0, time_s[-1], generator.poisson(expected)))
