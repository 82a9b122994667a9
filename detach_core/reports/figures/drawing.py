"""Interface of all figures: artifacts, plotted numbers, picture.

A module of this folder (`weight_cdf.py`, ...) holds one `Drawing` and is named in `FIGURES`. The stage `figure` reads
the artifacts that the settings need, calls `frame`, writes the frame as csv, and saves the picture that `draw` gives.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import pandas as pd
from matplotlib.figure import Figure

from detach_core.contracts.errors import UserError
from detach_core.contracts.provenance import Provenance
from detach_core.reports.figures.settings import FigureSettings
from detach_core.reports.figures.style import SEPARATOR

# Kind of artifact -> its reader, imported when a drawing needs it.
READERS = {
    "windows": "detach_core.contracts.windows:read_windows",
    "split": "detach_core.contracts.split:read_split",
    "embeddings": "detach_core.contracts.embeddings:read_embeddings",
    "spatial_history": "detach_core.contracts.history:read_history",
    "negative_pairs": "detach_core.contracts.negative_pairs:read_negative_pairs",
    "activation_maps": "detach_core.contracts.activation_maps:read_activation_maps",
}
OwnSettings = TypeVar("OwnSettings", bound=FigureSettings)


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


class Drawing(ABC, Generic[OwnSettings]):
    """One kind of figure.

    Attributes:
        settings_type: type of its settings, which name the artifacts that it needs.
    """

    settings_type: ClassVar[type[FigureSettings]]

    @abstractmethod
    def frame(self, artifacts: Artifacts, settings: OwnSettings) -> pd.DataFrame:
        """The plotted numbers, tidy: one row per plotted thing.

        What is drawn and is no number to publish (the camera's pictures under a map) goes into `frame.attrs`; the csv
        leaves it out.
        """

    @abstractmethod
    def draw(self, frame: pd.DataFrame, settings: OwnSettings) -> Figure:
        """The picture of that frame, without its provenance line. Called inside `house_style`."""

    @abstractmethod
    def note(self, frame: pd.DataFrame, settings: OwnSettings) -> str:
        """The provenance line's facts besides source, split, seeds and commit: part or protocol, dataset, epoch."""


AnyDrawing = Drawing[Any]


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
