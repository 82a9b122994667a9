"""Fig. 5: for which classes the weights tell hard from false negatives, and for which they do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray
from scipy.stats import gaussian_kde

from detach_core.contracts.errors import UserError
from detach_core.reports.figures.drawing import Artifacts, Drawing
from detach_core.reports.figures.pair_table import batch_note, epochs_of, pair_table, pairs_file
from detach_core.reports.figures.settings import ClassSeparationSettings
from detach_core.reports.figures.style import GREY, KIND_STYLES, LIGHT_GREY, literal, new_figure

# Fewer pairs have neither a mean nor a shape worth showing.
MIN_PAIRS = 10
SIDES = {"hard": -1.0, "false": 1.0}
ENDS = {"largest": "Largest separation", "smallest": "Smallest separation"}
_HALF_WIDTH, _GAP, _LEVELS = 0.42, 0.8, 200


def separations(table: pd.DataFrame) -> pd.DataFrame:
    """Class by falling `separation`, mean weight of its hard minus its false pairs, with `hard` and `false` counts.

    A hard pair belongs to the classes of both its windows.

    Args:
        table: pairs of one epoch, as `pair_table` gives them.
    """
    rows = []
    for name, pairs in _by_class(table).items():
        weights = {kind: pairs.loc[pairs["kind"] == kind, "weight"] for kind in SIDES}
        counts = {kind: len(values) for kind, values in weights.items()}
        separation = float(weights["hard"].mean() - weights["false"].mean()) if min(counts.values()) else np.nan
        rows.append({"class": name, "separation": separation, **counts})
    return pd.DataFrame(rows).sort_values(["separation", "class"], ascending=[False, True], ignore_index=True)


def _by_class(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The hard and false pairs that a class takes part in."""
    table = table[table["kind"].isin(SIDES)]
    names = sorted(set(table["first_class"]) | set(table["second_class"]))
    return {name: table[(table["first_class"] == name) | (table["second_class"] == name)] for name in names}


def _draw_half(axes: Axes, place: float, values: NDArray[np.float64], kind: str) -> None:
    """One side of a violin within the range of its values, and their mean."""
    side, style = SIDES[kind], KIND_STYLES[kind]
    levels = np.linspace(values.min(), values.max(), _LEVELS)
    # Weights that are all alike (plain InfoNCE's) have no density: a line.
    flat = np.ptp(values) < 1e-6
    density = np.zeros(_LEVELS) if flat else gaussian_kde(values)(levels)
    edge = place + side * _HALF_WIDTH * density / (density.max() or 1.0)
    axes.fill_betweenx(levels, place, edge, facecolor=style.colour, edgecolor="none")
    mean, reach = values.mean(), place + side * _HALF_WIDTH * (1.0 if flat else 0.9)
    axes.plot([place, reach], [mean, mean], color="white", linewidth=2.2, solid_capstyle="butt")
    axes.plot([place, reach], [mean, mean], color="black", linewidth=1.2, solid_capstyle="butt")


class ClassSeparation(Drawing[ClassSeparationSettings]):
    """Fig. 5: for which classes the weights tell hard from false negatives, and for which they do not."""

    settings_type = ClassSeparationSettings

    def frame(self, artifacts: Artifacts, settings: ClassSeparationSettings) -> pd.DataFrame:
        """Weights of the hard and false pairs of the classes at both ends, at the last epoch.

        Args:
            artifacts: `negative_pairs`.
            settings: `num_classes`, how many at each end; fewer where the dataset has not twice as many.

        Raises:
            UserError: fewer than two classes have enough pairs of both kinds.
        """
        table = pair_table(artifacts)
        table = table[(table["epoch"] == epochs_of(table)[-1]) & table["kind"].isin(SIDES)]
        ranked = separations(table)
        shown = ranked[ranked[list(SIDES)].min(axis=1) >= MIN_PAIRS]
        count = min(int(settings.num_classes), len(shown) // 2)
        if count < 1:
            raise UserError(
                f"{pairs_file(artifacts)}: kind: found {len(shown)} classes with {MIN_PAIRS} hard and {MIN_PAIRS} false"
                " pairs, expected at least 2; give the batch more windows in the config"
            )
        by_class = _by_class(table)
        parts = []
        for end, chosen in (("largest", shown.head(count)), ("smallest", shown.tail(count))):
            for name, separation in zip(chosen["class"], chosen["separation"], strict=True):
                pairs = by_class[name][["dataset", "variant", "seed", "epoch", "kind", "weight"]]
                parts.append(pairs.assign(**{"class": name, "end": end, "separation": separation}))
        frame = pd.concat(parts, ignore_index=True)
        left_out = sorted(set(ranked["class"]) - set(shown["class"]))
        frame.attrs["note"] = batch_note(artifacts) + (f" · too few pairs: {', '.join(left_out)}" if left_out else "")
        return frame

    def draw(self, frame: pd.DataFrame, settings: ClassSeparationSettings) -> Figure:
        """A violin per class, hard pairs on its left and false ones on its right, with their means and counts."""
        del settings
        figure, panels = new_figure(width="page", height_in=2.6)
        axes: Axes = panels[0, 0]
        axes.set_ylim(0.0, 1.18 * frame["weight"].max())
        axes.axhline(1.0, color=LIGHT_GREY, linewidth=0.8, zorder=0)
        ticks, names, place = [], [], 0.0
        for end, classes in frame.groupby("end", sort=False):
            start = place
            for name, pairs in classes.groupby("class", sort=False):
                weights = {kind: pairs.loc[pairs["kind"] == kind, "weight"].to_numpy(float) for kind in SIDES}
                for kind, values in weights.items():
                    _draw_half(axes, place, values, kind)
                ticks.append(place)
                counts = " | ".join(f"{len(values):,}" for values in weights.values())
                names.append(f"{literal(name)}\n$n$ = {counts}\n$\\Delta$ = {pairs['separation'].iloc[0]:+.2f}")
                place += 1.0
            middle = (start + place - 1.0) / 2.0
            axes.text(middle, 0.99, ENDS[str(end)], transform=axes.get_xaxis_transform(), ha="center", va="top")
            place += _GAP
        axes.axvline((ticks[len(ticks) // 2 - 1] + ticks[len(ticks) // 2]) / 2.0, color=GREY, linewidth=0.6)
        axes.set_xticks(ticks, names)
        axes.tick_params(axis="x", length=0.0)
        axes.set(ylabel="weight $W$", xlim=(ticks[0] - 0.6, ticks[-1] + 0.6))
        legend: list[Any] = [
            Patch(facecolor=KIND_STYLES[kind].colour, label=f"{kind} negatives ({side})")
            for kind, side in zip(SIDES, ("left", "right"), strict=True)
        ]
        legend.append(Line2D([], [], color="black", linewidth=1.2, label="mean"))
        figure.legend(handles=legend, loc="outside upper center", ncols=3)
        return figure

    def note(self, frame: pd.DataFrame, settings: ClassSeparationSettings) -> str:
        """What the pairs are of, and how classes were chosen."""
        del settings
        epoch = f"Stage 2, epoch {frame['epoch'].iloc[0]}"
        counted = "n: hard | false pairs, a hard one in both its classes"
        return " · ".join([frame.attrs["note"], epoch, "\u0394: mean hard minus mean false weight", counted])
