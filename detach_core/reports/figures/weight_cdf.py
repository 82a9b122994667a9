"""Fig. 4: distribution of the weights of easy, hard and false negatives from the start of Stage 2 to its end."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from detach_core.reports.figures.class_separation import separations
from detach_core.reports.figures.drawing import Artifacts, Drawing
from detach_core.reports.figures.pair_table import KINDS, batch_note, epoch_title, epochs_of, pair_table
from detach_core.reports.figures.settings import WeightCdfSettings
from detach_core.reports.figures.style import KIND_STYLES, LIGHT_GREY, new_figure

# The distribution is read at these weights, so that tens of thousands of pairs make a small file; nothing is smoothed.
STEP, MAX_STEPS = 0.005, 1000
# Of float32: a weight of 1 that was computed counts as 1.
_DIGITS = 6


def authors_choice(table: pd.DataFrame) -> pd.DataFrame:
    """The pairs that the authors' figures show: easy ones of equal action, and false ones of one action of each place.

    Of a place's two actions they show that with the larger separation of hard and false pairs.
    """
    last = table[table["epoch"] == epochs_of(table)[-1]]
    ranked = separations(last).dropna(subset="separation")
    place_of = dict(zip(last["first_class"], last["place"], strict=True))
    best = ranked.assign(place=ranked["class"].map(place_of)).drop_duplicates("place")["class"]
    left_out = (table["kind"] == "false") & ~table["first_class"].isin(best)
    left_out |= (table["kind"] == "easy") & ~table["same_action"]
    return table[~left_out]


class WeightCdf(Drawing[WeightCdfSettings]):
    """Fig. 4: distribution of the weights of easy, hard and false negatives from the start of Stage 2 to its end."""

    settings_type = WeightCdfSettings

    def frame(self, artifacts: Artifacts, settings: WeightCdfSettings) -> pd.DataFrame:
        """Share of the pairs of a kind with at most a weight: `dataset, variant, epoch, kind, weight, share, pairs`.

        Args:
            artifacts: `negative_pairs`; the pairs of several seeds count together.
            settings: `pair_groups`: `all` pairs, or the `authors`' choice of them (see `authors_choice`).
        """
        table = pair_table(artifacts)
        if settings.pair_groups == "authors":
            table = authors_choice(table)
        highest = float(table["weight"].max())
        step = STEP * max(1, int(np.ceil(highest / STEP / MAX_STEPS)))
        levels = np.round(np.arange(int(np.ceil(highest / step)) + 2) * step, _DIGITS)
        parts = []
        for (epoch, kind), pairs in table.groupby(["epoch", "kind"], sort=True):
            weights = np.sort(np.round(pairs["weight"].to_numpy(float), _DIGITS))
            share = np.searchsorted(weights, levels, side="right") / len(weights)
            parts.append(
                pd.DataFrame({"epoch": epoch, "kind": kind, "weight": levels, "share": share, "pairs": len(weights)})
            )
        frame = pd.concat(parts, ignore_index=True)
        for name in ("variant", "dataset"):
            frame.insert(0, name, table[name].iloc[0])
        frame.attrs["note"] = batch_note(artifacts)
        return frame

    def draw(self, frame: pd.DataFrame, settings: WeightCdfSettings) -> Figure:
        """A panel per epoch with a line per kind."""
        del settings
        epochs = epochs_of(frame)
        figure, panels = new_figure(
            width="page" if len(epochs) > 1 else "column",
            height_in=2.3,
            panels=(1, len(epochs)),
            share_x=True,
            share_y=True,
        )
        counts = frame.groupby("kind")["pairs"].first()
        for axes, epoch in zip(panels[0], epochs, strict=True):
            axes.axvline(1.0, color=LIGHT_GREY, linewidth=0.8, zorder=0)
            for kind in KINDS:
                line, style = frame[(frame["epoch"] == epoch) & (frame["kind"] == kind)], KIND_STYLES[kind]
                label = f"{kind} negatives ({counts[kind]:,} pairs)"
                axes.step(
                    line["weight"], line["share"], where="post", color=style.colour, linestyle=style.line, label=label
                )
            axes.set(title=epoch_title(epoch), xlabel="weight $W$", ylim=(0.0, 1.02))
        # To the next half, so that the axis ends in a tick.
        panels[0, 0].set_xlim(0.0, np.ceil(2.0 * frame["weight"].max()) / 2.0)
        panels[0, 0].set_ylabel("share of pairs")
        figure.legend(handles=panels[0, 0].get_legend_handles_labels()[0], loc="outside upper center", ncols=3)
        return figure

    def note(self, frame: pd.DataFrame, settings: WeightCdfSettings) -> str:
        """What the pairs are of, and which of them are shown."""
        shown = "the authors' choice of pairs" if settings.pair_groups == "authors" else "all pairs"
        return f"{frame.attrs['note']} · {shown}, empirical distribution"
