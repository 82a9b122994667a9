"""Do activation maps lie on what moves? Shares of their mass, beside an even map, an untrained network and the motion.

A share of 0.3 where 0.1 of the pixels move says that the map prefers moving pixels three times over. Large cells cannot
reach 1: how far a map on its grid can get is told by the motion itself, averaged to the same cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detach_core.analysis.activation_maps import MapNetwork
from detach_core.analysis.map_placement import Values, enlarge, min_max, placement, shrink
from detach_core.contracts.analysis import MAPS, VERSIONS, FeatureMaps, MotionShares
from detach_core.methods.batch import WindowBatch

Mask = NDArray[np.bool_]
Change = NDArray[np.uint8]


@dataclass(frozen=True)
class OnMotion:
    """How one window's map lies to what moves: share of its mass on moving pixels, and whether its highest moves."""

    share: float
    peak: bool


def on_motion(cells: Values, moving: Mask, rows: Values, columns: Values) -> OnMotion:
    """How the map `cells` (T, h, w) lies to the pixels that are `moving` (T, H, W), by its placements."""
    mass = enlarge(min_max(cells), rows, columns)
    return OnMotion(float(mass[moving].sum() / mass.sum()), bool(moving.flat[mass.argmax()]))


def moving_pixels(change: Change, above: float, span: NDArray[np.int64]) -> Mask:
    """(T, H, W): the pixels that change by more than `above` in any of the steps [first, stop) of each of `span`."""
    moving = change > above
    return np.stack([moving[first:stop].any(axis=0) for first, stop in span.tolist()])


def motion_shares(
    batches: Iterable[WindowBatch],
    ids: NDArray[np.int64],
    change_of: Callable[[int], Change],
    *,
    trained: Mapping[str, MapNetwork],
    start: Mapping[str, MapNetwork],
    above: float,
) -> MotionShares:
    """The shares of all windows in which something moves.

    Args:
        batches: all windows of a part.
        ids: (N,) the part's rows of windows.h5, in the order of the batches' positions.
        change_of: a row of windows.h5 -> (F - 1, H, W), by how much its pixels change from frame to frame.
        trained: the networks by the names of `MAPS`.
        start: the same before training.
        above: a pixel that changes by more counts as moving.
    """
    shown: list[int] = []
    share, peak, even = [], [], []
    for batch in batches:
        maps = [(trained[name].maps(batch), start[name].maps(batch)) for name in MAPS]
        for place, position in enumerate(batch.position.tolist()):
            window = int(ids[position])
            change = change_of(window)
            if not (change > above).any():
                continue
            found = [_by_version(both, place, change, above) for both in maps]
            shown.append(window)
            share.append([[one.share for one in versions] for versions, _ in found])
            peak.append([[one.peak for one in versions] for versions, _ in found])
            even.append([moving for _, moving in found])
    shape = (len(shown), len(MAPS), len(VERSIONS))
    return MotionShares(
        window=np.array(shown, dtype=np.int64),
        share=np.array(share, dtype=np.float32).reshape(shape),
        peak=np.array(peak, dtype=np.bool_).reshape(shape),
        even=np.array(even, dtype=np.float32).reshape(shape[:2]),
    )


def _by_version(
    both: tuple[FeatureMaps, FeatureMaps], place: int, change: Change, above: float
) -> tuple[list[OnMotion], float]:
    """Of a batch's window at `place`: `VERSIONS` in order, and the share of an even map."""
    grid = both[0]
    moving = moving_pixels(change, above, grid.span)
    rows, columns = placement(grid.rows_px, change.shape[1]), placement(grid.columns_px, change.shape[2])
    versions = [*(maps.cells[place].astype(np.float64) for maps in both), shrink(moving.astype(float), rows, columns)]
    return [on_motion(cells, moving, rows, columns) for cells in versions], float(moving.mean())
