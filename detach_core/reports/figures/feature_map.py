"""Figures 7 and 9: t-SNE of windows outside pretraining, of their video and of their sensor features.

Colour and marker tell the place or sensor; filled markers close and hollow ones open. Below a panel stands what a t-SNE
picture cannot say: the share of a window's nearest neighbours, other gestures alone, that are of its group.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from detach_core.contracts.split import Split
from detach_core.contracts.windows import Windows
from detach_core.evaluation.embedding_map import (
    MIN_WINDOWS,
    alike_neighbours,
    bounded_perplexity,
    embedding_map,
    num_equal,
    spread_ids,
)
from detach_core.foundation.errors import ContractError
from detach_core.reports.figures import drawing
from detach_core.reports.figures.drawing import Artifact, Artifacts, Drawing, only
from detach_core.reports.figures.registry import FeatureMapSettings
from detach_core.windows.packing import NOWHERE

UNKNOWN = -1

_MOTION = re.compile(r"motion|pir", re.IGNORECASE)

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class WindowGroups:
    """A group for every window of a dataset.

    Attributes:
        group: (N,) index into `names`, -1 where nobody knows.
        action: (N,) index into `action_names`, -1 where the group is all there is to tell.
        names: of the groups, as a legend says them.
        kind: what one group is.
        origin: where the groups come from, for the provenance line; "" where the labels say it.
        action_names: of the actions.
    """

    group: Numbers
    action: Numbers
    names: tuple[str, ...]
    kind: str
    origin: str
    action_names: tuple[str, ...] = ()

    def action_name(self, action: int) -> str:
        """The action's name, "" for none."""
        return self.action_names[action] if action >= 0 else ""


def by_class(windows: Windows) -> WindowGroups:
    """The place and the action of each window's class; the class itself where some class lacks one of them."""
    places, actions = windows.places, windows.actions
    place_of, action_of = (np.array([*aspect.of_class, UNKNOWN]) for aspect in (places, actions))
    label = windows.label.astype(np.int64)
    if (place_of[:-1] < 0).any() or (action_of[:-1] < 0).any():
        return WindowGroups(label, np.full_like(label, UNKNOWN), windows.class_names, "class", "")
    return WindowGroups(place_of[label], action_of[label], places.names, "class", "", actions.names)


def by_place(windows: Windows) -> WindowGroups:
    """Place of each window, as `windows.h5` holds it.

    Raises:
        ContractError: no window's place is known.
    """
    location = windows.location.astype(np.int64)
    if (location < 0).all():
        remedy = "colour the figure by class or by sensor in the config"
        raise ContractError(windows.path, "location", expected="places", found="none known", remedy=remedy)
    names = _readable(windows.location_names)
    return WindowGroups(location, np.full_like(location, UNKNOWN), names, "place", f"places: {windows.location_source}")


def by_sensor(windows: Windows) -> WindowGroups:
    """The on/off sensor that is active in each window, or none.

    Several may be: an open cupboard says more than a motion sensor, which sees whoever walks by. Of open cupboards the
    one that changed most often counts, then the one that was open longest; of motion sensors the later one. The paper
    does not say; the authors' code calls its split `motion_2_priority`.

    Raises:
        ContractError: a channel holds other values than 0 and 1.
    """
    sensor = np.asarray(windows.sensor)
    if not np.isin(sensor, (0.0, 1.0)).all():
        remedy = "colour the figure by class or by place in the config"
        raise ContractError(
            windows.path, "sensor", expected="on/off sensors alone", found="other values", remedy=remedy
        )
    num_windows, num_channels, length = sensor.shape
    changes, time_on = (np.diff(sensor, axis=2) != 0).sum(axis=2), sensor.sum(axis=2)
    score = changes * (length + 1.0) + time_on
    is_motion = np.array([bool(_MOTION.search(name)) for name in windows.channel_names])
    # Below every cupboard's score, and rising with the channel.
    score[:, is_motion] = np.arange(num_channels)[is_motion] / num_channels - 1.0
    score[time_on == 0] = -np.inf
    quiet = (time_on == 0).all(axis=1)
    group = np.where(quiet, num_channels, score.argmax(axis=1)).astype(np.int64)
    names = _readable((*windows.channel_names, NOWHERE))
    origin = "active sensor: cupboards before motion sensors"
    return WindowGroups(group, np.full(num_windows, UNKNOWN, dtype=np.int64), names, "sensor", origin)


GROUPINGS: dict[str, Callable[[Windows], WindowGroups]] = {
    "class": by_class,
    "place": by_place,
    "sensor": by_sensor,
}


def _readable(names: Sequence[str]) -> tuple[str, ...]:
    """Names without their common prefix (`Ktch_`), and with spaces."""
    beginnings = {name.partition("_")[0] for name in names if name != NOWHERE}
    start = len(beginnings.pop()) + 1 if len(beginnings) == 1 and len(names) > 2 else 0
    return tuple(name if name == NOWHERE else name[start:].replace("_", " ") for name in names)


NEIGHBOURS = 10


def feature_map_frame(artifacts: Artifacts, settings: FeatureMapSettings) -> pd.DataFrame:
    """A row for each feature and window: position, group, and share of neighbours in the same group.

    Raises:
        ContractError: artifacts of other windows, features that the method does not have or that have collapsed, or
            too few windows with a group.
        UserError: more than one run.
    """
    windows_file, split_file, run = (only(artifacts, kind) for kind in ("windows", "split", "embeddings"))
    windows, split, embeddings = windows_file.value, split_file.value, run.value
    _check_same_windows(run, windows_file, len(embeddings.sensor), rule="embed")
    _check_same_windows(split_file, windows_file, windows.num_windows, rule="split")
    groups = GROUPINGS[settings.colour](windows)
    part = "held_out" if len(split.held_out) else "downstream"
    ids = _shown(windows, groups, split, part, settings.max_windows, run)
    frames = []
    for name in settings.features:
        if name not in embeddings.features:
            found, remedy = ", ".join(embeddings.features), "choose other `features` in the figure's config"
            raise ContractError(run.path, name, expected="a feature to lay out", found=found, remedy=remedy)
        frames.append(_panel_frame(name, embeddings.features[name][ids], ids, windows, groups, settings, run))
    frame = pd.concat(frames, ignore_index=True)
    frame.insert(0, "part", part)
    frame.insert(0, "dataset", windows.dataset)
    absent = _absent(windows, groups, ids)
    frame.attrs = {
        "group_names": groups.names,
        "action_names": groups.action_names,
        "kind": groups.kind,
        "origin": groups.origin,
        "absent": absent,
    }
    return frame


def _absent(windows: Windows, groups: WindowGroups, ids: NDArray[np.int64]) -> list[str]:
    """Classes, places or sensors without a window among `ids`."""
    if groups.kind == "class":
        return [name for k, name in enumerate(windows.class_names) if k not in windows.label[ids]]
    return [name for k, name in enumerate(groups.names) if k not in groups.group[ids] and name != NOWHERE]


def _check_same_windows(artifact: Artifact, windows_file: Artifact, num_windows: int, *, rule: str) -> None:
    windows = windows_file.value
    made_from = artifact.provenance.inputs.get("windows")
    if made_from != windows.provenance.artifact_id or num_windows != windows.num_windows:
        raise ContractError(
            artifact.path,
            "provenance",
            expected=f"what was made from {windows_file.path}",
            found="other windows",
            remedy=f"rerun the rule `{rule}` (snakemake --forcerun {rule})",
        )


def _shown(
    windows: Windows, groups: WindowGroups, split: Split, part: str, max_windows: int, run: Artifact
) -> NDArray[np.int64]:
    ids = np.sort(split.parts[part])
    ids = spread_ids(ids[groups.group[ids] >= 0], max_windows=max_windows)
    if len(ids) < MIN_WINDOWS:
        expected = f"at least {MIN_WINDOWS} windows with a known {groups.kind} in the part {part} of {windows.dataset}"
        raise ContractError(
            run.path, "windows", expected=expected, found=str(len(ids)), remedy="choose another `colour` or split"
        )
    return ids


def _panel_frame(
    name: str,
    features: NDArray[np.float32],
    ids: NDArray[np.int64],
    windows: Windows,
    groups: WindowGroups,
    settings: FeatureMapSettings,
    run: Artifact,
) -> pd.DataFrame:
    group, action = groups.group[ids], groups.action[ids]
    try:
        plane = embedding_map(features, perplexity=settings.perplexity)
    except ValueError as error:
        raise ContractError(
            run.path, name, expected="features that differ", found=str(error), remedy="look at the run's history.jsonl"
        ) from None
    both = group * (len(groups.action_names) + 1) + action
    share, expected = alike_neighbours(features, both, windows.instance[ids], neighbours=NEIGHBOURS)
    return pd.DataFrame(
        {
            "feature": name,
            "window": ids,
            "x": plane[:, 0],
            "y": plane[:, 1],
            "group": [groups.names[index] for index in group],
            "action": [groups.action_name(index) for index in action],
            "alike_neighbours": share,
            "alike_expected": expected,
            "num_equal": num_equal(features),
        }
    )


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


def _looks(frame: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Group -> colour and marker; a name keeps its style whichever groups are present."""
    names = frame.attrs.get("group_names") or sorted(set(frame["group"]))
    named = [name for name in names if name != NOWHERE]
    lines = [drawing.line_look(k) for k in range(len(named))]
    ordered = sorted(named) if frame["action"].any() else named
    looks = {name: (look.colour, look.marker) for name, look in zip(ordered, lines, strict=True)}
    if NOWHERE in names:
        looks[NOWHERE] = (drawing.GREY, ".")
    present = set(frame["group"])
    return {name: look for name, look in looks.items() if name in present}


def _actions(frame: pd.DataFrame) -> list[str]:
    """The actions, in the order of the classes."""
    return list(frame.attrs.get("action_names") or sorted({name for name in frame["action"] if name}))


def _hollow(frame: pd.DataFrame) -> str | None:
    """The first action, drawn with hollow markers."""
    return next(iter(_actions(frame)), None)


def _draw_panel(panel: Axes, rows: pd.DataFrame, looks: dict[str, tuple[str, str]], hollow: str | None) -> None:
    for name, (colour, marker) in looks.items():
        for action in dict.fromkeys(rows["action"]):
            shown = rows[(rows["group"] == name) & (rows["action"] == action)]
            face = "none" if action == hollow else colour
            panel.scatter(shown["x"], shown["y"], s=11, marker=marker, facecolors=face, edgecolors=colour, lw=0.7)
    panel.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal")
    drawing.hide_ticks(panel)


def _handle(colour: str, marker: str, label: str, *, hollow: bool = False) -> Line2D:
    face = "none" if hollow else colour
    return Line2D([], [], linestyle="none", marker=marker, color=colour, markerfacecolor=face, label=label)


def _equal_windows(frame: pd.DataFrame) -> list[str]:
    equal = frame.groupby("feature", sort=False)["num_equal"].max()
    modality = {name: str(name).partition("_")[0] for name in equal.index}
    return [
        f"{count} windows share one {modality[name]} feature" for name, count in equal.items() if count >= NOTABLE_RING
    ]


class FeatureMap(Drawing[FeatureMapSettings]):
    """Figures 7 and 9: t-SNE of windows outside pretraining, of their video and of their sensor features."""

    settings_type = FeatureMapSettings

    def frame(self, artifacts: Artifacts, settings: FeatureMapSettings) -> pd.DataFrame:
        """A row for each feature and window: place in the plane, group, and share of neighbours in the same group."""
        return feature_map_frame(artifacts, settings)

    def draw(self, frame: pd.DataFrame, settings: FeatureMapSettings) -> Figure:
        """A panel for each feature, a legend above them."""
        del settings
        features = list(dict.fromkeys(frame["feature"]))
        figure, axes = drawing.new_figure(width="page", height_in=4.1, panels=(1, len(features)))
        looks = _looks(frame)
        for panel, name in zip(axes[0], features, strict=True):
            rows = frame[frame["feature"] == name]
            _draw_panel(panel, rows, looks, _hollow(frame))
            kind = frame.attrs.get("kind", "group")
            panel.set_title(_TITLES[name])
            found = f"{rows['alike_neighbours'].mean():.2f} (chance {rows['alike_expected'].mean():.2f})"
            panel.set_xlabel(f"of {NEIGHBOURS} nearest neighbours, same {kind}: {found}", fontsize=drawing.SMALL_PT)
        handles = [_handle(colour, marker, drawing.literal(name)) for name, (colour, marker) in looks.items()]
        handles += [
            _handle("black", "o", action, hollow=action == _hollow(frame))
            for action in _actions(frame)
            if (frame["action"] == action).any()
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 9))
        return figure

    def note(self, frame: pd.DataFrame, settings: FeatureMapSettings) -> str:
        """Dataset, part and number of windows, the colours' groups, those that are missing, and equal windows."""
        part, count = str(frame["part"].iloc[0]).replace("_", "-"), frame["window"].nunique()
        absent = frame.attrs["absent"]
        words = [
            f"{frame['dataset'].iloc[0]}, {part} part, {count} windows",
            frame.attrs["origin"],
            f"no window of {', '.join(absent)}" if absent else "",
            *_equal_windows(frame),
            f"t-SNE, perplexity {bounded_perplexity(settings.perplexity, count):.3g}",
        ]
        return " · ".join(word for word in words if word)
