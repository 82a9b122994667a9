"""Where the video networks of DETACH and of a baseline are active: channel means of their maps (paper, Fig. 8).

Spatial: the 2D map of the averaged frames. Temporal: the 3D map, step by step. The baseline looks at every frame with
the same 2D trunk, and its map is that trunk's.

Note (differs from paper): the baseline's column is there the last layer's class-token attention, which needs a
transformer; all methods here share a convolutional trunk. Cells lie where the convolutions put them, not on an even
grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from detach_core.contracts.analysis import BASELINE, SPATIAL, TEMPORAL, FeatureMaps
from detach_core.encoders.video_networks import SpatialCnn2d, TemporalCnn3d
from detach_core.foundation.errors import UserError
from detach_core.methods.batch import FRAMES, MEAN_FRAME, MOTION, WindowBatch, required
from detach_core.methods.detach.stage2 import Detach
from detach_core.methods.imu2clip.method import Imu2Clip
from detach_core.methods.method import AnyMethod
from detach_core.methods.primus.method import Primus

# Of a batch, what the video networks may look at.
PICTURES = frozenset({FRAMES, MEAN_FRAME, MOTION})


@dataclass(frozen=True)
class MapNetwork:
    """A network with a feature map, and how its method calls it on a batch."""

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
        """(T, 2) which of the `num_motion` steps between frames, [first, stop), each of the map's steps is of."""
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
            f"activation maps need a baseline that trains the shared video trunk on every frame (primus or imu2clip),"
            f" got {type(baseline).__name__}; correct the figure's `baseline` in the config"
        )
    return {
        BASELINE: MapNetwork(_trunk(baseline.video.encoder), baseline.video),
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
    """Where `num_cells` cells after a chain of convolutions lie along an axis of its input, which counts from 0.

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
    """What `network` gets to see in `call`: a method knows best how it prepares its input."""
    seen: list[Tensor] = []
    handle = network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        call()
    finally:
        handle.remove()
    return seen[0]
