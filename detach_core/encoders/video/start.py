"""Where a video network starts: the shared trunk from nothing, or from a weight file of the user's (`video.init`).

In training the start is first described: what the file holds goes into the settings, so that a checkpoint is
rebuilt without the file and no table shows where it lay.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import nn

from detach_core.encoders.size import Size
from detach_core.encoders.video.backbone import BackboneTrunk
from detach_core.encoders.video.spatial_cnn2d import SpatialCnn2d, TimeAverage
from detach_core.encoders.video.weight_file import TRUNK, VideoWeights, read_video_weights
from detach_core.settings.shared import SCRATCH, VideoStartSettings, WeightFile

DIGITS = 12


def described_start(start: VideoStartSettings, *, size: Size) -> VideoStartSettings:
    """The start with what its weight file holds, and the file's name in place of its path.

    Raises:
        BadInputError: the weight file is refused.
    """
    if start.init == SCRATCH or start.weights is not None:
        return start
    return _described(start.init, read_video_weights(start.init, size=size))


def without_path(start: VideoStartSettings) -> VideoStartSettings:
    """A described start as a checkpoint keeps it."""
    return start if start.weights is None else replace(start, weights=replace(start.weights, path=None))


def build_trunk(start: VideoStartSettings, *, dim: int, size: Size, time_average: TimeAverage) -> tuple[nn.Module, str]:
    """The network that `start` names, with its weights where a path leads to them; and in words where it started.

    Args:
        start: described or not; described and without a path, the weights come from a checkpoint.
        dim: of the feature.
        size: of the shared trunk.
        time_average: as `SpatialCnn2d`.

    Raises:
        BadInputError: the weight file is refused.
    """
    if start.init == SCRATCH:
        return SpatialCnn2d(dim=dim, size=size, time_average=time_average), SCRATCH
    weights: VideoWeights | None = None
    path = start.init if start.weights is None else start.weights.path
    if path is not None:
        weights = read_video_weights(path, size=size)
        start = _described(path, weights)
    assert start.weights is not None
    network: nn.Module
    if start.weights.network == TRUNK:
        network = SpatialCnn2d(dim=dim, size=size, time_average=time_average)
    else:
        network = BackboneTrunk(start.weights.network, dim=dim, time_average=time_average)
    if weights is not None:
        _load(network, weights, dim=dim)
    return network, _words(start.init, start.weights, dim)


def _described(path: str, weights: VideoWeights) -> VideoStartSettings:
    found = WeightFile(network=weights.network, width=weights.width, sha256=weights.sha256, path=path)
    return VideoStartSettings(init=Path(path).name, weights=found)


def _load(network: nn.Module, weights: VideoWeights, *, dim: int) -> None:
    """Put the weights in; what stays as it was made is the layer to the feature, where the file has none that fits."""
    if weights.network == TRUNK:
        given = {key: value for key, value in weights.tensors.items() if weights.width == dim or not _is_last(key)}
    else:
        given = {f"backbone.{key}": value for key, value in weights.tensors.items()}
    network.load_state_dict(network.state_dict() | given)


def _is_last(key: str) -> bool:
    return key.startswith("projection.")


def _words(name: str, weights: WeightFile, dim: int) -> str:
    # Of a trunk, the last layer fits one width: what has another starts with a layer of its own, and says so.
    anew = ", projection anew" if weights.network == TRUNK and weights.width != dim else ""
    return f"{name} (sha256 {weights.sha256[:DIGITS]}{anew})"
