"""Training curves: losses and measures of a history per epoch, one panel for each group of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from detach_core.contracts.history import History
from detach_core.reports.figures.drawing import COLOURS, LINE_STYLES, literal, new_figure

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
