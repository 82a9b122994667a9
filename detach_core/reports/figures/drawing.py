"""The one interface of all figures: what a drawing needs, the numbers it plots, and the picture made of them.

A module of this folder (`weight_cdf.py`, ...) offers one `DRAWING` and is named in `FIGURES`:

    DRAWING = Drawing(needs=("negative_pairs",), frame=weight_cdf_frame, draw=draw_weight_cdf, note=...)

The stage `figure` reads the artifacts, calls `frame`, writes the frame as csv, and saves what `draw` makes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from detach_core.contracts.provenance import Provenance
from detach_core.foundation.errors import UserError
from detach_core.reports.figures.style import SEPARATOR

# Kind of artifact -> its reader, imported when a drawing needs it.
READERS = {
    "windows": "detach_core.contracts.windows:read_windows",
    "split": "detach_core.contracts.split:read_split",
    "embeddings": "detach_core.contracts.embeddings:read_embeddings",
    "spatial_history": "detach_core.contracts.history:read_history",
    "negative_pairs": "detach_core.contracts.analysis:read_negative_pairs",
    "activation_maps": "detach_core.contracts.analysis:read_activation_maps",
}
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Artifact:
    """One file that a figure is made from, and what its contract reads from it."""

    path: Path
    value: Any

    @property
    def provenance(self) -> Provenance:
        """Who made it; every contract's value has one."""
        provenance: Provenance = self.value.provenance
        return provenance


class Artifacts:
    """What a drawing asked for: `artifacts["embeddings"]` are the files of that kind, in the order of the config.

    With several datasets and seeds: all seeds of the first dataset, then those of the next.
    """

    def __init__(self, by_kind: Mapping[str, Sequence[Artifact]]) -> None:
        self._by_kind = {kind: tuple(found) for kind, found in by_kind.items()}

    def __getitem__(self, kind: str) -> tuple[Artifact, ...]:
        return self._by_kind[kind]

    def __iter__(self) -> Iterator[Artifact]:
        for found in self._by_kind.values():
            yield from found


@dataclass(frozen=True)
class Drawing:
    """How a figure is made.

    Attributes:
        needs: kinds of artifacts (keys of `READERS`), each of which the stage gives at least one file.
        frame: artifacts and the figure's settings -> the plotted numbers, tidy: one row per plotted thing. What is
            drawn and is no number to publish (the camera's pictures under a map) goes into `frame.attrs`; the csv
            leaves it out.
        draw: that frame and the settings -> the figure, without its provenance line. Called inside `house_style`.
        note: that frame and the settings -> what the provenance line must say besides source, split, seeds and commit:
            the part or protocol, the dataset, the epoch.
    """

    needs: tuple[str, ...]
    frame: Callable[[Artifacts, Settings], pd.DataFrame]
    draw: Callable[[pd.DataFrame, Settings], Figure]
    note: Callable[[pd.DataFrame, Settings], str]


def read_artifact(kind: str, path: Path | str) -> Artifact:
    """The artifact of `kind` at `path`.

    Raises:
        ContractError: it is not what its contract says.
    """
    module, _, reader = READERS[kind].partition(":")
    return Artifact(Path(path), getattr(import_module(module), reader)(path))


def only(artifacts: Artifacts, kind: str) -> Artifact:
    """The one artifact of `kind`, for a drawing that shows one dataset and one run.

    Raises:
        UserError: there are several.
    """
    first, *others = artifacts[kind]
    if others:
        raise UserError(
            f"{first.path}: {kind}: found {len(others) + 1} files, expected one, because this figure shows one dataset"
            f" and one run; name one dataset and one seed in the figure's config"
        )
    return first


def provenance_line(artifacts: Artifacts, note: str, *, split: str) -> str:
    """The line at a figure's foot: data source, what the drawing says, split, seeds and code."""
    made = [artifact.provenance for artifact in artifacts]
    source = "Simulated data" if made[0].source == "simulated" else f"Recordings: {made[0].source}"
    seeded = [one for one in made if one.stage not in ("pack", "split")]  # a split's seed is not a training's
    seeds = sorted({one.seed for one in seeded if one.seed is not None})
    named = f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}" if seeds else ""
    commits = "commit " + ", ".join(sorted({one.commit for one in made}))
    return SEPARATOR.join(part for part in (source, note, f"split {split}", named, commits) if part)
