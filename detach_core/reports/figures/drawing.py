"""Interface and style of all figures: artifacts, plotted values, picture.

A module of this folder (`phase_space.py`, ...) holds a `Drawing` that is named in `FIGURES`. The stage `figure` reads
the artifacts that the settings need, calls `frame`, writes the frame as csv, and saves the picture that `draw` gives.

Pictures have the widths of a paper's column or page, 8 pt text, and colours that survive a greyscale printer: they come
in an order in which neighbours differ in lightness too; series also differ by line or marker. A drawing makes its
picture with `new_figure`, inside `house_style`, and puts legends above or beside the panels (matplotlib's
`loc="outside upper center"`, `"outside right upper"`): the foot belongs to the provenance line, which `save_figure`
sets.
"""

from __future__ import annotations

import textwrap
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.rcsetup import cycler

from detach_core.contracts.provenance import Provenance
from detach_core.foundation.errors import UserError
from detach_core.foundation.files import atomic_path
from detach_core.reports.figures.registry import FigureSettings
from detach_core.reports.lists import Facts, list_facts

WIDTHS_IN = {"column": 3.35, "page": 7.0}

DPI = 300

TEXT_PT, SMALL_PT, PROVENANCE_PT = 8.0, 7.0, 6.0

SEPARATOR = " · "


# Okabe and Ito's colours, green darker and purple lighter, so that dark and light take turns.
COLOURS = ("#0072B2", "#E69F00", "#000000", "#56B4E9", "#D55E00", "#D98CB8", "#00664B", "#B8A900")

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")

LINE_STYLES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class LineLook:
    """Colour, marker and line style of a line."""

    colour: str
    marker: str
    style: str


def line_look(number: int) -> LineLook:
    """The look of line `number`, from 0; colours come again with other markers and styles."""
    turned = number + number // len(COLOURS)
    marker, style = MARKERS[turned % len(MARKERS)], LINE_STYLES[turned % len(LINE_STYLES)]
    return LineLook(COLOURS[number % len(COLOURS)], marker, style)


GREY, LIGHT_GREY, DARK_GREY = "#8C8C8C", "#D9D9D9", "#595959"


# Sequential maps whose lightness rises or falls evenly.
HEAT_MAP = "magma"

_STYLE: Any = {
    # A user's own matplotlibrc changes nothing.
    **{name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")},
    "font.family": "DejaVu Sans",  # ships with matplotlib, so that every machine draws the same
    "font.size": TEXT_PT,
    "axes.titlesize": TEXT_PT,
    "axes.labelsize": TEXT_PT,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "legend.fontsize": SMALL_PT,
    "legend.frameon": False,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.0,
    "axes.prop_cycle": cycler(color=list(COLOURS)),
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "patch.linewidth": 0.6,
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "pdf.fonttype": 42,  # embedded TrueType: text stays text, and publishers take it
    "ps.fonttype": 42,
}


@dataclass(frozen=True)
class SeriesStyle:
    """Style of one series: colour, line style and marker, each distinct by itself."""

    colour: str
    line: str
    marker: str


# Kinds of negative pairs, in the order of their legend.
KIND_STYLES = {
    "easy": SeriesStyle("#A6A6A6", ":", "s"),
    "hard": SeriesStyle("#D55E00", "-", "^"),
    "false": SeriesStyle("#08306B", "--", "o"),
}


def house_style() -> AbstractContextManager[None]:
    """Context in which matplotlib draws in this style; global settings are restored afterwards."""
    return matplotlib.rc_context(_STYLE)


def new_figure(
    *,
    width: Literal["column", "page"],
    height_in: float,
    panels: tuple[int, int] = (1, 1),
    share_x: bool = False,
    share_y: bool = False,
    width_ratios: Sequence[float] | None = None,
    height_ratios: Sequence[float] | None = None,
) -> tuple[Figure, np.ndarray[Any, np.dtype[Any]]]:
    """A figure whose parts never overlap, and its (rows, columns) axes.

    Args:
        width: of a paper's column or of its page.
        height_in: height in inches, with the provenance line.
        panels: rows and columns.
        share_x: one x axis for all panels.
        share_y: one y axis for all panels.
        width_ratios: of the columns.
        height_ratios: of the rows.
    """
    figure = Figure(figsize=(WIDTHS_IN[width], height_in), layout="constrained")
    axes = figure.subplots(
        *panels,
        squeeze=False,
        sharex=share_x,
        sharey=share_y,
        width_ratios=width_ratios,
        height_ratios=height_ratios,
    )
    return figure, axes


def literal(name: object) -> str:
    """`name` escaped as a figure's text: dollar signs start no formula, a leading underscore hides no label."""
    text = str(name).replace("$", r"\$")
    return f"\N{ZERO WIDTH SPACE}{text}" if text.startswith("_") else text


def hide_ticks(axes: Axes) -> None:
    """Frame of a panel without axis units (a map, a picture): no ticks, a thin border."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=LIGHT_GREY)


def add_provenance(figure: Figure, text: str) -> None:
    """Write `text` at the foot of the figure, in as many lines as needed, and move everything else above it."""
    width_in, height_in = figure.get_size_inches()
    # A character of DejaVu Sans is about 0.56 of its size wide.
    lines = _break_lines(text, characters=int(width_in * 72.0 / (0.56 * PROVENANCE_PT)))
    foot = (len(lines) * 1.25 * PROVENANCE_PT + 4.0) / 72.0 / height_in
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0.0, foot, 1.0, 1.0 - foot))
    figure.text(
        0.5,
        2.0 / 72.0 / height_in,
        literal("\n".join(lines)),
        size=PROVENANCE_PT,
        color=DARK_GREY,
        ha="center",
        va="bottom",
        linespacing=1.15,
        gid="provenance",
        in_layout=False,
    )


def _break_lines(text: str, *, characters: int) -> list[str]:
    """Lines of bounded length, broken at the separators ` · ` if possible."""
    lines: list[str] = []
    for fact in text.split(SEPARATOR):
        longer = f"{lines[-1]}{SEPARATOR}{fact}" if lines else fact
        if lines and len(longer) <= characters:
            lines[-1] = longer
        else:
            lines.extend(textwrap.wrap(fact, width=characters))
    return lines


def save_figure(figure: Figure, base_path: Path | str, *, provenance: str) -> tuple[Path, Path]:
    """Write `figure` beside `base_path` as `.pdf` and `.png`, atomically; the paths. Equal figures give equal bytes.

    Args:
        figure: what a drawing returned.
        base_path: path without suffix, e.g. `results/figures/figure4`.
        provenance: the line at the foot.
    """
    add_provenance(figure, provenance)
    # Not `with_suffix`: a name may hold a dot.
    pdf_path, png_path = Path(f"{base_path}.pdf"), Path(f"{base_path}.png")
    with house_style():
        with atomic_path(pdf_path) as partial:
            figure.savefig(partial, metadata={"CreationDate": None})
        with atomic_path(png_path) as partial:
            figure.savefig(partial, metadata={"Software": None})
    return pdf_path, png_path


# Kind of artifact -> its reader, imported when a drawing needs it.
READERS = {
    "windows": "detach_core.contracts.windows:read_windows",
    "split": "detach_core.contracts.split:read_split",
    "embeddings": "detach_core.contracts.embeddings:read_embeddings",
    "spatial_history": "detach_core.contracts.history:read_history",
    "negative_pairs": "detach_core.contracts.analysis:read_negative_pairs",
    "activation_maps": "detach_core.contracts.analysis:read_activation_maps",
    "label_curve": "detach_core.contracts.metrics:read_label_curve",
}

OwnSettings = TypeVar("OwnSettings", bound=FigureSettings)


@dataclass(frozen=True)
class Artifact:
    """One input file of a figure, and its content as read through its contract."""

    path: Path
    value: Any

    @property
    def provenance(self) -> Provenance:
        """Provenance of the artifact."""
        provenance: Provenance = self.value.provenance
        return provenance


class Artifacts:
    """Artifacts of a figure by kind: `artifacts["embeddings"]` are the files of that kind, in the order of the config.

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
        integers: columns of whole numbers that are missing in some rows, where pandas makes them fractions.
    """

    settings_type: ClassVar[type[FigureSettings]]
    integers: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def frame(self, artifacts: Artifacts, settings: OwnSettings) -> pd.DataFrame:
        """The plotted numbers, tidy: one row per plotted thing.

        What is drawn and is no number to publish (the camera's pictures under a map) goes into `frame.attrs`; csv and
        parquet leave it out.
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
    """The line at the foot of a figure: data source, the drawing's note, split, seeds and commit."""
    facts = provenance_facts(artifacts, split=split)
    source = "Simulated data" if facts["source"] == "simulated" else f"Recordings: {facts['source']}"
    seeds = facts["seeds"]
    named = f"seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}" if seeds else ""
    commits = "commit " + ", ".join(facts["commits"])
    return SEPARATOR.join(part for part in (source, note, f"split {split}", named, commits) if part)


def provenance_facts(artifacts: Artifacts, *, split: str) -> Facts:
    """Data source, split, seeds and commits of a figure, under no one protocol."""
    made = [artifact.provenance for artifact in artifacts]
    seeded = [one for one in made if one.stage not in ("pack", "split")]  # a split's seed is not a training's
    seeds = sorted({one.seed for one in seeded if one.seed is not None})
    commits = sorted({one.commit for one in made})
    return list_facts(source=made[0].source, splits=[split], protocols=[], seeds=seeds, commits=commits)
