"""What a map of windows is coloured by: the class's place and action, the place in use, or the active sensor."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.errors import ContractError
from detach_core.contracts.windows import Windows
from detach_core.signals.locations import NOWHERE

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
    """Where each window takes place, as `windows.h5` knows it.

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
    """Names without the beginning that all share (`Ktch_`), and with spaces."""
    beginnings = {name.partition("_")[0] for name in names if name != NOWHERE}
    start = len(beginnings.pop()) + 1 if len(beginnings) == 1 and len(names) > 2 else 0
    return tuple(name if name == NOWHERE else name[start:].replace("_", " ") for name in names)
