"""Which windows a figure shows: one of each class, with a typical amount of motion, chosen without the maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.windows import Windows
from detach_core.foundation.errors import ContractError, UserError
from detach_core.signals.locations import NOWHERE

Ids = NDArray[np.int64]


def choose_windows(
    windows: Windows, ids: Ids, moving: NDArray[np.floating], *, classes: Sequence[str], part: str, path: Path | str
) -> Ids:
    """A window of each class.

    Every gesture, or sequence, gives one candidate: the window nearest the gesture's middle; of a sequence the one in
    which most moves, among those with a sensor in use where there are any. Of the candidates in which anything moves,
    the one with the median share of moving pixels is taken, the lower of two.

    Args:
        windows: all windows.
        ids: those of the part to choose from.
        moving: for each of `ids`, the share of its pixels that move.
        classes: one for each row of the figure.
        part: name of the part, for messages.
        path: the split's file, for messages.

    Raises:
        UserError: a class that the dataset does not have.
        ContractError: the part has no window of a class, or nothing moves in them.
    """
    chosen = []
    for name in classes:
        if name not in windows.class_names:
            known = ", ".join(windows.class_names)
            raise UserError(f"classes: found {name!r}, expected classes of {windows.dataset} ({known})")
        of_class = windows.label[ids] == windows.class_names.index(name)
        candidates = _one_of_each(windows, ids[of_class], moving[of_class])
        with_motion = sorted((share, window) for share, window in candidates if share > 0)
        if not with_motion:
            present = sorted({windows.class_names[label] for label in windows.label[ids] if label >= 0})
            found = "windows in which nothing moves" if candidates else "none"
            remedy = f"choose the figure's `classes` from those with windows there ({', '.join(present) or 'none'})"
            raise ContractError(path, f"parts/{part}", expected=f"windows of {name}", found=found, remedy=remedy)
        chosen.append(with_motion[(len(with_motion) - 1) // 2][1])
    return np.array(chosen, dtype=np.int64)


def _one_of_each(windows: Windows, ids: Ids, moving: NDArray[np.floating]) -> list[tuple[float, int]]:
    """(share of moving pixels, window) of one candidate for each instance."""
    candidates = []
    for instance in np.unique(windows.instance[ids]):
        own = windows.instance[ids] == instance
        if windows.label_unit == "recording":
            in_use = _sensor_in_use(windows, ids[own])
            order = np.lexsort((ids[own], -moving[own], ~in_use))
        else:
            # All windows of the gesture tell its middle, those of other parts too.
            middle_s = windows.start_s[windows.instance == instance].mean()
            order = np.lexsort((ids[own], np.abs(windows.start_s[ids[own]] - middle_s)))
        candidates.append((float(moving[own][order[0]]), int(ids[own][order[0]])))
    return candidates


def _sensor_in_use(windows: Windows, ids: Ids) -> NDArray[np.bool_]:
    place = windows.location[ids]
    nowhere = windows.location_names.index(NOWHERE) if NOWHERE in windows.location_names else -1
    in_use: NDArray[np.bool_] = (place >= 0) & (place != nowhere)
    return in_use
