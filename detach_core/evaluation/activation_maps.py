"""Activation maps of video networks, their mass on moving pixels, and the windows that a figure shows (Fig. 8).

Maps are channel means. Spatial: the 2D map of the averaged frames. Temporal: the 3D map, step by step. The baseline's
map is that of its own 2D network, on the averaged frames or, with `video.network: frames`, on every frame. A share of
0.3 where 0.1 of the pixels move says that the map prefers moving pixels three times over. Large cells cannot reach 1:
the bound on its grid is the share of the motion itself, averaged to the same cells.

Note (differs from paper): the baseline's column is there the last layer's class-token attention, which needs a
transformer; all methods here share a convolutional trunk. Cells lie where the convolutions put them, not on an even
grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from detach_core.contracts.analysis import BASELINE, MAPS, SPATIAL, TEMPORAL, VERSIONS, FeatureMaps, MotionShares
from detach_core.contracts.windows import Windows
from detach_core.encoders.video_networks import SpatialCnn2d, TemporalCnn3d
from detach_core.evaluation.embedding_map import Values, enlarge, min_max, placement, shrink
from detach_core.foundation.errors import ContractError, UserError
from detach_core.methods.batch import FRAMES, MEAN_FRAME, MOTION, WindowBatch, required
from detach_core.methods.detach.stage2 import Detach
from detach_core.methods.imu2clip.method import Imu2Clip
from detach_core.methods.method import AnyMethod
from detach_core.methods.primus.method import Primus
from detach_core.windows.packing import NOWHERE

# Of a batch, what the video networks may look at.
PICTURES = frozenset({FRAMES, MEAN_FRAME, MOTION})


@dataclass(frozen=True)
class MapNetwork:
    """A network with a feature map, and the function that calls it on a batch."""

    encoder: SpatialCnn2d | TemporalCnn3d
    call: Callable[[WindowBatch], object]

    @torch.no_grad()
    def maps(self, batch: WindowBatch) -> FeatureMaps:
        """The maps of a batch that holds all of `PICTURES`."""
        means = self.encoder.feature_map(_seen_by(self.encoder, lambda: self.call(batch))).mean(dim=1)
        cells: NDArray[np.float32] = (means if means.ndim == 4 else means[:, None]).cpu().numpy()
        _, steps, height, width = cells.shape
        chain = self.encoder.convolutions
        return FeatureMaps(
            cells=cells,
            rows_px=cell_centres(chain, height, axis=-2),
            columns_px=cell_centres(chain, width, axis=-1),
            span=self._span(steps, required(batch.motion).shape[2]),
        )

    def _span(self, num_steps: int, num_motion: int) -> NDArray[np.int64]:
        """(T, 2) span [first, stop) of the `num_motion` steps between frames that each of the map's steps covers."""
        if isinstance(self.encoder, SpatialCnn2d):
            return np.array([[0, num_motion]], dtype=np.int64)
        # Half the distance of two centres to either side, which leaves no step out and none twice.
        centres = cell_centres(self.encoder.convolutions, num_steps + 1, axis=-3)
        half = (centres[1] - centres[0]) / 2.0
        bounds = np.stack([np.ceil(centres - half), np.ceil(centres + half)], axis=1)[:num_steps]
        span: NDArray[np.int64] = np.clip(bounds, 0, num_motion).astype(np.int64)
        return span


def map_networks(detach: AnyMethod, baseline: AnyMethod) -> dict[str, MapNetwork]:
    """The three networks of the figure, by the names of `MAPS`.

    Raises:
        UserError: a method without such networks.
    """
    if not isinstance(detach, Detach):
        raise UserError(f"activation maps need a variant of the method detach, got {type(detach).__name__}")
    if not isinstance(baseline, Primus | Imu2Clip):
        raise UserError(
            f"activation maps need a baseline that trains the shared video networks (primus or imu2clip),"
            f" got {type(baseline).__name__}; correct the figure's `baseline` in the config"
        )
    return {
        BASELINE: MapNetwork(_trunk(baseline.video.spatial), baseline.video),
        SPATIAL: MapNetwork(_trunk(detach.video_spatial.encoder), detach.video_spatial.feature),
        TEMPORAL: MapNetwork(detach.video_temporal, detach.embed_video),
    }


def _trunk(encoder: nn.Module) -> SpatialCnn2d:
    if not isinstance(encoder, SpatialCnn2d):
        raise UserError(
            f"activation maps need the shared video trunk, whose cells have known places, got {type(encoder).__name__};"
            " set `video.init` to scratch or to a weight file of the trunk"
        )
    return encoder


def cell_centres(convolutions: nn.Module, num_cells: int, *, axis: int) -> NDArray[np.float64]:
    """Centres of `num_cells` cells after a chain of convolutions along an axis of its input, which counts from 0.

    Args:
        convolutions: layers in the order in which they are applied.
        num_cells: how many, from the first on.
        axis: -1 width, -2 height, -3 time.
    """
    centres = np.arange(num_cells, dtype=np.float64)
    chain = [layer for layer in convolutions.modules() if isinstance(layer, nn.Conv2d | nn.Conv3d)]
    for layer in reversed(chain):
        padding = layer.padding[axis]
        assert not isinstance(padding, str)
        centres = centres * layer.stride[axis] - padding + layer.dilation[axis] * (layer.kernel_size[axis] - 1) / 2.0
    return centres


def _seen_by(network: nn.Module, call: Callable[[], object]) -> Tensor:
    """The input of `network` in `call`, as its method prepares it."""
    seen: list[Tensor] = []
    handle = network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        call()
    finally:
        handle.remove()
    return seen[0]


Mask = NDArray[np.bool_]

Change = NDArray[np.uint8]


@dataclass(frozen=True)
class OnMotion:
    """Overlap of a window's map with motion: mass on moving pixels, and whether its peak is one."""

    share: float
    peak: bool


def on_motion(cells: Values, moving: Mask, rows: Values, columns: Values) -> OnMotion:
    """Overlap of the map `cells` (T, h, w) with the pixels that are `moving` (T, H, W), by its placements."""
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
