"""Figures 7 and 9: windows that pretraining did not see, laid out by their video and by their sensor features.

Colour and marker tell the place or sensor; filled markers close and hollow ones open. Below a panel stands what a t-SNE
picture cannot say: the share of a window's nearest neighbours, other gestures alone, that are of its group.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from detach_core.analysis.embedding_map import bounded_perplexity
from detach_core.reports.figures import style
from detach_core.reports.figures.drawing import Drawing, Settings
from detach_core.reports.figures.feature_map_frame import NEIGHBOURS, feature_map_frame
from detach_core.signals.locations import NOWHERE

_TITLES = {
    "video": "Video, $z_v$",
    "sensor": "Sensor, $z_s$",
    "video_spatial": "Video, spatial feature",
    "sensor_spatial": "Sensor, spatial feature",
    "video_temporal": "Video, temporal feature",
    "sensor_temporal": "Sensor, temporal feature",
}
# From so many equal features on, a reader sees a clump of all colours and asks what it is.
NOTABLE_RING = 20


def draw_feature_map(frame: pd.DataFrame, settings: Settings) -> Figure:
    """A panel for each feature, a legend above them."""
    del settings
    features = list(dict.fromkeys(frame["feature"]))
    figure, axes = style.new_figure(width="page", height_in=4.1, panels=(1, len(features)))
    looks = _looks(frame)
    for panel, name in zip(axes[0], features, strict=True):
        rows = frame[frame["feature"] == name]
        _draw_panel(panel, rows, looks, _hollow(frame))
        kind = frame.attrs.get("kind", "group")
        panel.set_title(_TITLES[name])
        found = f"{rows['alike_neighbours'].mean():.2f} (chance {rows['alike_expected'].mean():.2f})"
        panel.set_xlabel(f"of {NEIGHBOURS} nearest neighbours, same {kind}: {found}", fontsize=style.SMALL_PT)
    handles = [_handle(colour, marker, style.literal(name)) for name, (colour, marker) in looks.items()]
    handles += [
        _handle("black", "o", action, hollow=action == _hollow(frame))
        for action in _actions(frame)
        if (frame["action"] == action).any()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 9))
    return figure


def _looks(frame: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Group -> colour and marker; a name keeps its look whichever groups are present."""
    names = frame.attrs.get("group_names") or sorted(set(frame["group"]))
    named = [name for name in names if name != NOWHERE]
    count = len(style.COLOURS)
    looks = {
        name: (style.COLOURS[k % count], style.MARKERS[(k + k // count) % count])
        for k, name in enumerate(sorted(named) if frame["action"].any() else named)
    }
    if NOWHERE in names:
        looks[NOWHERE] = (style.GREY, ".")
    present = set(frame["group"])
    return {name: look for name, look in looks.items() if name in present}


def _actions(frame: pd.DataFrame) -> list[str]:
    """The actions, in the order of the classes."""
    return list(frame.attrs.get("action_names") or sorted({name for name in frame["action"] if name}))


def _hollow(frame: pd.DataFrame) -> str | None:
    """The action whose marks are hollow: the first."""
    return next(iter(_actions(frame)), None)


def _draw_panel(panel: Axes, rows: pd.DataFrame, looks: dict[str, tuple[str, str]], hollow: str | None) -> None:
    for name, (colour, marker) in looks.items():
        for action in dict.fromkeys(rows["action"]):
            shown = rows[(rows["group"] == name) & (rows["action"] == action)]
            face = "none" if action == hollow else colour
            panel.scatter(shown["x"], shown["y"], s=11, marker=marker, facecolors=face, edgecolors=colour, lw=0.7)
    panel.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal")
    style.hide_ticks(panel)


def _handle(colour: str, marker: str, label: str, *, hollow: bool = False) -> Line2D:
    face = "none" if hollow else colour
    return Line2D([], [], linestyle="none", marker=marker, color=colour, markerfacecolor=face, label=label)


def note_feature_map(frame: pd.DataFrame, settings: Settings) -> str:
    """Dataset, part and number of windows, what the colours are, groups that are missing, and windows that are one."""
    part, count = str(frame["part"].iloc[0]).replace("_", "-"), frame["window"].nunique()
    absent = frame.attrs["absent"]
    words = [
        f"{frame['dataset'].iloc[0]}, {part} part, {count} windows",
        frame.attrs["origin"],
        f"no window of {', '.join(absent)}" if absent else "",
        *_equal_windows(frame),
        f"t-SNE, perplexity {bounded_perplexity(settings['perplexity'], count):.3g}",
    ]
    return " · ".join(word for word in words if word)


def _equal_windows(frame: pd.DataFrame) -> list[str]:
    equal = frame.groupby("feature", sort=False)["num_equal"].max()
    modality = {name: str(name).partition("_")[0] for name in equal.index}
    return [
        f"{count} windows share one {modality[name]} feature" for name, count in equal.items() if count >= NOTABLE_RING
    ]


DRAWING = Drawing(
    needs=("windows", "split", "embeddings"), frame=feature_map_frame, draw=draw_feature_map, note=note_feature_map
)
