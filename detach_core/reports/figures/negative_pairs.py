"""Figures 4 and 5: weights of easy, hard and false negatives over training, and by class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray
from scipy.stats import gaussian_kde

from detach_core.contracts.analysis import NO_PAIR, NegativePairs
from detach_core.foundation.errors import ContractError, UserError
from detach_core.reports.figures.drawing import (
    GREY,
    KIND_STYLES,
    LIGHT_GREY,
    Artifact,
    Artifacts,
    Drawing,
    literal,
    new_figure,
)
from detach_core.reports.figures.registry import ClassSeparationSettings, WeightCdfSettings

KIND = "negative_pairs"


# The order of legends and of what is drawn over what.
KINDS = ("easy", "hard", "false")


def pair_table(artifacts: Artifacts) -> pd.DataFrame:
    """Every pair once for each seed and epoch; pairs of windows whose class names no place are left out.

    Columns: dataset, variant, seed, epoch, kind, first_class, second_class, place (of the first), same_action,
    spatial_similarity, temporal_similarity, weight.

    Raises:
        ContractError: the artifacts are of several datasets, splits or variants, or of other epochs.
        UserError: a kind has no pair.
    """
    found = artifacts[KIND]
    _refuse_other_runs(found)
    table = pd.concat([_rows(artifact.value) for artifact in found], ignore_index=True)
    for kind in KINDS:
        if not (table["kind"] == kind).any():
            first = found[0].value
            raise UserError(
                f"{found[0].path}: kind: found no {kind} pair among the {len(first.window)} windows of {first.dataset},"
                " expected some of each kind; give the batch more windows in the config"
            )
    return table


def batch_note(artifacts: Artifacts) -> str:
    """Origin of the pairs, for the provenance line."""
    pairs = artifacts[KIND][0].value
    count = len(pairs.window)
    return f"{pairs.variant} on {pairs.dataset} · {count} pretraining windows, unaugmented"


def epoch_title(epoch: int) -> str:
    """The title of a panel."""
    return f"Stage 2, epoch {epoch}" if epoch else "Stage 2, start (epoch 0)"


def epochs_of(table: pd.DataFrame) -> list[int]:
    """The table's epochs in order."""
    return sorted(int(epoch) for epoch in table["epoch"].unique())


def epoch_panels(epochs: Sequence[int], *, height_in: float) -> tuple[Figure, NDArray[np.object_]]:
    """A figure with a row of panels, one for each epoch, that share their axes."""
    width: Literal["page", "column"] = "page" if len(epochs) > 1 else "column"
    return new_figure(width=width, height_in=height_in, panels=(1, len(epochs)), share_x=True, share_y=True)


def pairs_file(artifacts: Artifacts) -> Path:
    """The artifact's path, for messages."""
    return artifacts[KIND][0].path


def _refuse_other_runs(found: Sequence[Artifact]) -> None:
    for artifact in found[1:]:
        for name in ("dataset", "split", "variant"):
            _refuse(artifact, name, getattr(artifact.value, name), getattr(found[0].value, name))
        _refuse(artifact, "epochs", *([one.epoch for one in value.value.snapshots] for value in (artifact, found[0])))


def _refuse(artifact: Artifact, field: str, value: object, expected: object) -> None:
    if value != expected:
        remedy = "name one dataset and one variant in the figure's section"
        raise ContractError(artifact.path, field, expected=str(expected), found=str(value), remedy=remedy)


def _rows(pairs: NegativePairs) -> pd.DataFrame:
    first, second = np.nonzero(pairs.kind != NO_PAIR)
    classes, places = np.array(pairs.class_names), np.array(pairs.place_names)
    shared = {
        "dataset": pairs.dataset,
        "variant": pairs.variant,
        "seed": pairs.seed,
        "kind": np.array(pairs.kind_names)[pairs.kind[first, second]],
        "first_class": classes[pairs.label[first]],
        "second_class": classes[pairs.label[second]],
        "place": places[pairs.place[first]],
        "same_action": pairs.action[first] == pairs.action[second],
    }
    return pd.concat(
        [
            pd.DataFrame(
                {
                    **shared,
                    "epoch": one.epoch,
                    "spatial_similarity": one.spatial_similarity[first, second],
                    "temporal_similarity": one.temporal_similarity[first, second],
                    "weight": one.weight[first, second],
                }
            )
            for one in pairs.snapshots
        ],
        ignore_index=True,
    )


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
    """Fig. 5: classes in which the weights separate hard from false negatives most and least."""

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
        """Origin of the pairs, and choice of the classes."""
        del settings
        epoch = f"Stage 2, epoch {frame['epoch'].iloc[0]}"
        counted = "n: hard | false pairs, a hard one in both its classes"
        return " · ".join([frame.attrs["note"], epoch, "\u0394: mean hard minus mean false weight", counted])


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
        figure, panels = epoch_panels(epochs, height_in=2.3)
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
        """Origin of the pairs, and choice among them."""
        shown = "the authors' choice of pairs" if settings.pair_groups == "authors" else "all pairs"
        return f"{frame.attrs['note']} · {shown}, empirical distribution"
