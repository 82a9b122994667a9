"""Fig. 6: negatives of one class by spatial and temporal similarity."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from detach_core.foundation.errors import UserError
from detach_core.reports.figures.drawing import KIND_STYLES, PROVENANCE_PT, Artifacts, Drawing
from detach_core.reports.figures.negative_pairs import (
    KINDS,
    batch_note,
    epoch_panels,
    epoch_title,
    epochs_of,
    pair_table,
    pairs_file,
)
from detach_core.reports.figures.registry import PhaseSpaceSettings

_COLUMNS = ["dataset", "variant", "seed", "epoch", "kind"]
_VALUES = ["spatial_similarity", "temporal_similarity", "weight"]
# Many grey points under few coloured ones.
_SIZES = {"easy": 4.0, "hard": 8.0, "false": 8.0}
# Where the medians' bars stand, in widths of the panel: beside each other, since they may be equal.
BARS = {"easy": (1.02, 1.06), "hard": (1.07, 1.11), "false": (1.12, 1.16)}


class PhaseSpace(Drawing[PhaseSpaceSettings]):
    """Fig. 6: negatives of one class by spatial and temporal similarity."""

    settings_type = PhaseSpaceSettings

    def frame(self, artifacts: Artifacts, settings: PhaseSpaceSettings) -> pd.DataFrame:
        """Both similarities of every pair with a window of the query class on one side.

        Args:
            artifacts: `negative_pairs`.
            settings: `query_class`, a class name; `pair_groups`: `all`, or the `authors`': easy ones of equal action.

        Raises:
            UserError: the batch has no pair of the query class of some kind.
        """
        table, query = pair_table(artifacts), settings.query_class
        first, second = table["first_class"] == query, table["second_class"] == query
        frame = table[first | second]
        if settings.pair_groups == "authors":
            frame = frame[(frame["kind"] != "easy") | frame["same_action"]]
        lacking = [kind for kind in KINDS if not (frame["kind"] == kind).any()]
        if lacking:
            names = ", ".join(sorted(set(table["first_class"]) | set(table["second_class"])))
            found = f"no {' and no '.join(lacking)} pair of {query}" if len(frame) else f"no window of {query}"
            raise UserError(
                f"{pairs_file(artifacts)}: query_class: found {found} in the batch, expected pairs of each kind; name"
                f" another class in the figure's section ({names}), or give the batch more windows"
            )
        other = frame["second_class"].where(frame["first_class"] == query, frame["first_class"])
        chosen = frame[_COLUMNS].assign(query_class=query, other_class=other)
        chosen = pd.concat([chosen, frame[_VALUES]], axis=1).reset_index(drop=True)
        chosen.attrs["note"] = batch_note(artifacts)
        return chosen

    def draw(self, frame: pd.DataFrame, settings: PhaseSpaceSettings) -> Figure:
        """A panel per epoch, with the median temporal similarity of each kind beside it."""
        del settings
        epochs = epochs_of(frame)
        figure, panels = epoch_panels(epochs, height_in=2.7)
        for axes, epoch in zip(panels[0], epochs, strict=True):
            for kind in KINDS:
                points = frame[(frame["epoch"] == epoch) & (frame["kind"] == kind)]
                style = KIND_STYLES[kind]
                axes.scatter(
                    points["spatial_similarity"],
                    points["temporal_similarity"],
                    s=_SIZES[kind],
                    c=style.colour,
                    marker=style.marker,
                    alpha=0.6,
                    linewidths=0.0,
                    rasterized=True,
                )
                axes.plot(
                    BARS[kind],
                    [points["temporal_similarity"].median()] * 2,
                    color=style.colour,
                    linewidth=1.6,
                    transform=axes.get_yaxis_transform(),
                    clip_on=False,
                    solid_capstyle="butt",
                )
            axes.text(1.09, 1.0, "median", transform=axes.transAxes, ha="center", va="bottom", size=PROVENANCE_PT)
            axes.set(title=epoch_title(epoch), xlabel="spatial similarity $A$", xlim=(-0.03, 1.03))
        panels[0, 0].set_ylabel("temporal similarity $T$")
        counts = frame[frame["epoch"] == epochs[0]].groupby("kind").size()
        handles = [
            Line2D(
                [],
                [],
                color=KIND_STYLES[kind].colour,
                marker=KIND_STYLES[kind].marker,
                linestyle="none",
                label=f"{kind} negatives ({counts[kind]:,} pairs)",
            )
            for kind in KINDS
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=3)
        return figure

    def note(self, frame: pd.DataFrame, settings: PhaseSpaceSettings) -> str:
        """Origin of the pairs."""
        shown = ", easy ones of equal action alone" if settings.pair_groups == "authors" else ""
        return f"{frame.attrs['note']} · pairs with {frame['query_class'].iloc[0]}{shown}"
