"""Where a video network starts: the shared trunk from nothing, or from a weight file of the user's (`video.init`).

In training the section `video` is first described: what the file holds goes into the settings, so that a checkpoint is
rebuilt without the file and no table shows where it lay.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from detach_core.encoders.size import Size
from detach_core.encoders.video.backbone import BackboneTrunk
from detach_core.encoders.video.spatial_cnn2d import SpatialCnn2d, TimeAverage
from detach_core.encoders.video.weight_file import TRUNK, VideoWeights, read_video_weights

SCRATCH = "scratch"
DIGITS = 12


def describe_start(video: Mapping[str, Any], *, size: Size) -> dict[str, Any]:
    """The section `video` with what its weight file holds, and the file's name in place of its path.

    Raises:
        BadInputError: the weight file is refused.
    """
    if video["init"] == SCRATCH or "network" in video:
        return dict(video)
    return _described(video["init"], read_video_weights(video["init"], size=size))


def without_path(video: Mapping[str, Any]) -> dict[str, Any]:
    """A described section as a checkpoint keeps it."""
    return {key: value for key, value in video.items() if key != "path"}


def build_trunk(video: Mapping[str, Any], *, dim: int, size: Size, time_average: TimeAverage) -> tuple[nn.Module, str]:
    """The network that `video` says, with its weights where a path leads to them; and in words where it started.

    Args:
        video: the section, described or not; described and without a path, the weights come from a checkpoint.
        dim: of the feature.
        size: of the shared trunk.
        time_average: as `SpatialCnn2d`.

    Raises:
        BadInputError: the weight file is refused.
    """
    if video["init"] == SCRATCH:
        return SpatialCnn2d(dim=dim, size=size, time_average=time_average), SCRATCH
    weights: VideoWeights | None = None
    start = video
    if "path" in video or "network" not in video:
        path = video.get("path", video["init"])
        weights = read_video_weights(path, size=size)
        start = _described(path, weights)
    network: nn.Module
    if start["network"] == TRUNK:
        network = SpatialCnn2d(dim=dim, size=size, time_average=time_average)
    else:
        network = BackboneTrunk(start["network"], dim=dim, time_average=time_average)
    if weights is not None:
        _load(network, weights, dim=dim)
    return network, _words(start, dim)


def _described(path: str, weights: VideoWeights) -> dict[str, Any]:
    return {
        "init": Path(path).name,
        "network": weights.network,
        "width": weights.width,
        "sha256": weights.sha256,
        "path": path,
    }


def _load(network: nn.Module, weights: VideoWeights, *, dim: int) -> None:
    """Put the weights in; what stays as it was made is the layer to the feature, where the file has none that fits."""
    if weights.network == TRUNK:
        given = {key: value for key, value in weights.tensors.items() if weights.width == dim or not _is_last(key)}
    else:
        given = {f"backbone.{key}": value for key, value in weights.tensors.items()}
    network.load_state_dict(network.state_dict() | given)


def _is_last(key: str) -> bool:
    return key.startswith("projection.")


def _words(start: Mapping[str, Any], dim: int) -> str:
    # Of a trunk, the last layer fits one width: what has another starts with a layer of its own, and says so.
    anew = ", projection anew" if start["network"] == TRUNK and start["width"] != dim else ""
    return f"{start['init']} (sha256 {start['sha256'][:DIGITS]}{anew})"
