"""Curves of trainings: the assignments of Stage 1 (Fig. 10), and all measures of a history per epoch.

Every panel of Figure 10 has the same linear axis from 0, which never ends below 2 % (refinement stops below 1 %), so
that labels which hardly change look as if they hardly change. Phases are named; the refinement's start is marked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from detach_core.contracts.history import History
from detach_core.foundation.errors import ContractError
from detach_core.reports.figures import drawing
from detach_core.reports.figures.drawing import COLOURS, LINE_STYLES, Artifact, Artifacts, Drawing, literal, new_figure
from detach_core.reports.figures.registry import AssignmentStabilitySettings

REFINEMENT = "refinement"


# No smaller scale: one window of a small home would fill the panel.
SMALLEST_TOP = 0.02


# Above the curves stand the phases' names.
HEADROOM = 1.35

_REMEDY = "rerun the rule `pretrain_spatial`"


def _run_frame(run: Artifact, datasets: dict[str, str]) -> pd.DataFrame:
    history = run.value
    dataset = datasets.get(run.provenance.inputs.get("windows", ""))
    if dataset is None:
        found = "other windows"
        raise ContractError(
            run.path, "provenance", expected="what was made from the figure's windows", found=found, remedy=_REMEDY
        )
    rows = [row for row in history.epochs if row["epoch"] > 0]
    for field in ("phase", "change_rate"):
        if not rows or any(row.get(field) is None for row in rows):
            raise ContractError(run.path, field, expected="a value in each epoch", found="none", remedy=_REMEDY)
    num_windows = history.run.get("num_windows")
    if not isinstance(num_windows, int) or num_windows < 1:
        raise ContractError(
            run.path, "run/num_windows", expected="a number of windows", found=str(num_windows), remedy=_REMEDY
        )
    return pd.DataFrame(
        {
            "dataset": dataset,
            "seed": run.provenance.seed or 0,
            "epoch": [row["epoch"] for row in rows],
            "phase": [row["phase"] for row in rows],
            "change_rate": [float(row["change_rate"]) for row in rows],
            "num_windows": num_windows,
        }
    )


def _draw_panel(panel: Axes, rows: pd.DataFrame, dataset: str, top: float) -> None:
    seeds = sorted(set(rows["seed"]))
    for k, seed in enumerate(seeds):
        run = rows[rows["seed"] == seed]
        count = len(drawing.COLOURS)
        panel.plot(
            run["epoch"],
            run["change_rate"],
            color=drawing.COLOURS[k % count],
            linestyle=drawing.LINE_STYLES[k % len(drawing.LINE_STYLES)],
            marker=drawing.MARKERS[k % count],
            markersize=3.5 if len(seeds) == 1 else 2.0,
            linewidth=1.2 if len(seeds) == 1 else 0.8,
            label=f"seed {seed}",
            clip_on=False,
            zorder=3,
        )
    longest = rows.loc[rows["epoch"].idxmax(), "seed"]
    _mark_phases(panel, rows[rows["seed"] == longest])
    one = 1.0 / rows["num_windows"].iloc[0]
    panel.set_title(
        f"{dataset}: {rows['num_windows'].iloc[0]} windows, one is {one:.2%}", loc="left", fontsize=drawing.SMALL_PT
    )
    panel.set_ylim(0.0, top)
    panel.set_xlim(0.5, rows["epoch"].max() + 0.5)
    panel.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0 if top > 0.05 else 1))
    panel.yaxis.set_major_locator(MaxNLocator(4))
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))


def _mark_phases(panel: Axes, run: pd.DataFrame) -> None:
    for phase, (first, last) in _spans(run["phase"].tolist(), run["epoch"].tolist()):
        if first > run["epoch"].min():
            is_refinement = phase == REFINEMENT
            panel.axvline(
                first - 0.5,
                color="black" if is_refinement else drawing.GREY,
                linewidth=0.9 if is_refinement else 0.6,
                linestyle="--" if is_refinement else ":",
            )
        panel.annotate(
            phase,
            ((first + last) / 2.0, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -2),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=drawing.SMALL_PT,
            color="black" if phase == REFINEMENT else drawing.DARK_GREY,
        )


def _spans(phases: Sequence[str], epochs: Sequence[int]) -> list[tuple[str, tuple[int, int]]]:
    """Phases with their first and last epochs."""
    starts = [0, *(np.flatnonzero(np.array(phases[1:]) != np.array(phases[:-1])) + 1)]
    ends = [*starts[1:], len(phases)]
    return [(phases[a], (epochs[a], epochs[b - 1])) for a, b in zip(starts, ends, strict=True)]


class AssignmentStability(Drawing[AssignmentStabilitySettings]):
    """Figure 10: the share of pretraining windows that change their cluster in each epoch of Stage 1."""

    settings_type = AssignmentStabilitySettings

    def frame(self, artifacts: Artifacts, settings: AssignmentStabilitySettings) -> pd.DataFrame:
        """A row for each dataset, seed and epoch: phase, change rate, and the number of windows behind the rate.

        Raises:
            ContractError: a history without phases or change rates, or of windows that are not among those given.
        """
        del settings
        datasets = {one.provenance.artifact_id: one.value.dataset for one in artifacts["windows"]}
        frames = [_run_frame(run, datasets) for run in artifacts["spatial_history"]]
        return pd.concat(frames, ignore_index=True)

    def draw(self, frame: pd.DataFrame, settings: AssignmentStabilitySettings) -> Figure:
        """A panel for each dataset, a line for each seed."""
        del settings
        datasets = list(dict.fromkeys(frame["dataset"]))
        height_in = 0.55 + 1.25 * len(datasets) + (0.2 if frame["seed"].nunique() > 1 else 0.0)
        figure, axes = drawing.new_figure(
            width="column", height_in=height_in, panels=(len(datasets), 1), share_x=True, share_y=True
        )
        top = max(SMALLEST_TOP, HEADROOM * frame["change_rate"].max())
        for panel, dataset in zip(axes[:, 0], datasets, strict=True):
            _draw_panel(panel, frame[frame["dataset"] == dataset], dataset, top)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        if len(handles) > 1:
            figure.legend(handles, labels, loc="outside upper center", ncols=min(len(handles), 5), handlelength=1.4)
        axes[-1, 0].set_xlabel("Stage 1 epoch")
        figure.supylabel("windows that change cluster", fontsize=drawing.TEXT_PT)
        return figure

    def note(self, frame: pd.DataFrame, settings: AssignmentStabilitySettings) -> str:
        """Part of the windows whose labels are shown."""
        del frame, settings
        return "pretraining windows"


_PANEL_IN, _FOOT_IN = 1.4, 0.4


# Clock times and counts, which are no measure of what is learned and would flatten the curves beside them.
_BOOKKEEPING = frozenset({"seconds", "epoch_seconds", "steps", "windows", "windows_per_s", "gallery"})


def curve_frame(history: History) -> pd.DataFrame:
    """The measures of all epochs, tidy: `epoch, group, name, value`, in the order of the history.

    Nulls, lists, texts, clock times and counts are left out.
    """
    rows = [
        (row["epoch"], parts[0], ".".join(parts[1:]) or parts[0], value)
        for row in history.epochs
        for parts, value in _numbers({key: item for key, item in row.items() if key != "epoch"})
    ]
    return pd.DataFrame(rows, columns=["epoch", "group", "name", "value"])


def _numbers(values: Mapping[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    for key, value in values.items():
        if key in _BOOKKEEPING:
            continue
        if isinstance(value, Mapping):
            yield from _numbers(value, (*prefix, key))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield (*prefix, key), float(value)


def draw_curves(frame: pd.DataFrame) -> Figure:
    """A panel per group, a line per name. Called inside `house_style`."""
    groups = list(frame["group"].unique())
    height_in = _FOOT_IN + _PANEL_IN * len(groups)
    figure, panels = new_figure(width="page", height_in=height_in, panels=(len(groups), 1), share_x=True)
    for axes, group in zip(panels[:, 0], groups, strict=True):
        of_group = frame[frame["group"] == group]
        for index, name in enumerate(of_group["name"].unique()):
            line = of_group[of_group["name"] == name]
            style = LINE_STYLES[index // len(COLOURS) % len(LINE_STYLES)]
            colour = COLOURS[index % len(COLOURS)]
            marker = "o" if len(line) == 1 else None
            axes.plot(line["epoch"], line["value"], color=colour, linestyle=style, marker=marker, label=literal(name))
        axes.set_title(literal(group), loc="left")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    panels[-1, 0].set_xlabel("epoch")
    return figure
