"""Initial weights of a video network: random, or from a weight file of the user's (`video.init`).

In training the start is first described: what the file holds goes into the settings, so that a checkpoint is rebuilt
without the file and no table shows where it lay.

Nothing else imports torchvision. Its wheel links CUDA libraries; beside the CPU build of torch its extension fails to
load without a word, and then registering two operators' shapes raises. Declaring those two operators first makes models
and transforms usable; operators that need the extension (nms, image decoding) still fail when called.
"""

from __future__ import annotations

import hashlib
import importlib
import re
import sys
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate

from detach_core.encoders.blocks import Size, flat_frames
from detach_core.encoders.video_networks import SpatialCnn2d, TimeAverage
from detach_core.foundation.errors import BadInputError, UserError, raise_unreadable
from detach_core.foundation.files import name_some
from detach_core.settings.shared import SCRATCH, VideoStartSettings, WeightFile

_DECLARED: list[torch.library.Library] = []  # a library that is collected takes its operators with it


def import_torchvision() -> ModuleType:
    """The torchvision module, also beside the CPU build of torch.

    Raises:
        ModuleNotFoundError: if torchvision is not installed.
        RuntimeError: if its import fails for another reason than the missing operators.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    if not _DECLARED:
        library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
        _DECLARED.append(library)
    return importlib.import_module("torchvision")


# What all three saw in their own training.
IMAGE_PX = 224

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Kind:
    """A network of torchvision: its display name, the width of its feature, the attribute of its classifier."""

    label: str
    width: int
    classifier: str


BACKBONES = {
    "resnet18": Kind("ResNet-18", 512, "fc"),
    "resnet50": Kind("ResNet-50", 2048, "fc"),
    "vit_b_32": Kind("ViT-B/32", 768, "heads"),
}


def build_backbone(network: str) -> nn.Module:
    """The untrained network `network`, (B, 3, 224, 224) -> (B, width), without its classifier.

    Raises:
        UserError: torchvision is not installed.
    """
    try:
        with warnings.catch_warnings():
            # Of its image decoders, which nothing here uses.
            warnings.simplefilter("ignore")
            models = import_torchvision().models
    except ModuleNotFoundError:
        raise UserError(
            f"video.init: {BACKBONES[network].label} needs torchvision, which is not installed; add it at the version"
            " of requirements.lock, or set `scratch`"
        ) from None
    backbone: nn.Module = getattr(models, network)(weights=None)
    setattr(backbone, BACKBONES[network].classifier, nn.Identity())
    return backbone


class BackboneTrunk(nn.Module):
    """(B, 3, H, W) or (B, F, 3, H, W) within [0, 1] -> (B, dim): the backbone's feature and a linear layer.

    Pictures are stretched to the backbone's square, not cropped: where things are must stay in view. Features of
    several frames are averaged before the layer.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: str, *, dim: int, time_average: TimeAverage) -> None:
        """Args: network: a key of `BACKBONES`; dim: of the feature; time_average: as `SpatialCnn2d`."""
        super().__init__()
        self.time_average = time_average
        self.backbone = build_backbone(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.projection = nn.Linear(BACKBONES[network].width, dim)
        for name, value in (("mean", MEAN), ("std", STD)):
            self.register_buffer(name, torch.tensor(value).view(1, 3, 1, 1), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """Feature (B, dim) of (B, 3, H, W) mean frames, or (B, F, 3, H, W) where `time_average` is `features`.

        Raises:
            ValueError: on another shape.
        """
        flat = interpolate(
            flat_frames(frames, self.time_average), (IMAGE_PX, IMAGE_PX), mode="bilinear", antialias=True
        )
        flat = ((flat - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        feature: Tensor = self.backbone(flat)
        if frames.ndim == 5:
            feature = feature.reshape(*frames.shape[:2], -1).mean(dim=1)
        projected: Tensor = self.projection(feature)
        return projected


TRUNK = "trunk"

_LABELS = {TRUNK: "the shared trunk", **{name: f"torchvision's {kind.label}" for name, kind in BACKBONES.items()}}


# A key that every state dict of the network holds. ResNet-50 comes first: it has all of ResNet-18's.
_SIGNATURES = {
    TRUNK: "convolutions.0.0.weight",
    "resnet50": "layer1.0.conv3.weight",
    "resnet18": "layer1.0.conv1.weight",
    "vit_b_32": "encoder.pos_embedding",
}


# BatchNorm's count of batches, which older files lack: with a fixed momentum nothing reads it.
_COUNTER = "num_batches_tracked"


# Files from before torchvision 0.13, its own download among them, name the two layers of a block otherwise.
_OLD_VIT = ((re.compile(r"\.mlp\.linear_1\."), ".mlp.0."), (re.compile(r"\.mlp\.linear_2\."), ".mlp.3."))


@dataclass(frozen=True)
class VideoWeights:
    """Weights under the network's own names; `width` is that of the shared trunk's feature, None of others."""

    network: str
    width: int | None
    sha256: str
    tensors: dict[str, Tensor]


def read_video_weights(path: Path | str, *, size: Size) -> VideoWeights:
    """The weights in the file at `path`, whose keys may all begin with one prefix.

    Args:
        path: a `.safetensors`, or a `.pt` or `.pth` that holds a state dict.
        size: of the shared trunk, where the file holds one.

    Raises:
        BadInputError: no such file, no state dict, or a key that is unknown, missing, ill-shaped or not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise _refused(path, "file", found="nothing", expected="a weight file")
    tensors = _load(path)
    network, prefix = _tell(path, tensors)
    if other := [key for key in tensors if not key.startswith(prefix)]:
        expected = f"only keys of {_LABELS[network]}, which here begin with `{prefix}`"
        raise _refused(path, "keys", found=_some(other), expected=expected, remedy="cut out those and save them alone")
    named = {key.removeprefix(prefix): tensor for key, tensor in tensors.items()}
    if network != TRUNK:
        classifier = f"{BACKBONES[network].classifier}."
        named = {_modern(key): tensor for key, tensor in named.items() if not key.startswith(classifier)}
    width = _first_length(named.get("projection.0.weight")) if network == TRUNK else None
    _check(path, network, named, _shapes(network, size=size, width=width))
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return VideoWeights(network, width, sha256, named)


def _load(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            loaded: Any = load_file(path)
        else:
            _check_packing(path)
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except BadInputError:
        raise
    except Exception as error:  # the readers of a broken file raise what they meet
        raise_unreadable(path, error)
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise _refused(
            path, "file", found=f"{type(error).__name__} ({reason[:120]})", expected="weights alone"
        ) from None
    if not isinstance(loaded, Mapping) or not loaded:
        raise _refused(path, "file", found=type(loaded).__name__, expected="a state dict: names and their tensors")
    if strange := [str(key) for key, value in loaded.items() if not isinstance(value, Tensor)]:
        raise _refused(path, "keys", found=_some(strange), expected="names of tensors and nothing else")
    for key, tensor in loaded.items():
        # A view may claim any shape: a single number stands for a terabyte, and looking at it would make it one.
        if (
            tensor.layout != torch.strided
            or tensor.device.type != "cpu"
            or tensor.nbytes > tensor.untyped_storage().nbytes()
        ):
            found, expected = "a tensor of more numbers than its storage holds", "every number of it"
            raise _refused(path, f"`{str(key)[:100]}`", found=found, expected=expected)
    return {str(key): tensor for key, tensor in loaded.items()}


def _check_packing(path: Path) -> None:
    """Refuse a compressed zip: torch stores weights uncompressed, so that only a decompression bomb is compressed."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > path.stat().st_size:
            found, expected = f"{size} packed bytes in a file of {path.stat().st_size}", "weights that are not packed"
            raise _refused(path, "file", found=found, expected=expected)


def _tell(path: Path, tensors: Mapping[str, Tensor]) -> tuple[str, str]:
    """Network to which the keys belong, and their common prefix."""
    for network, signature in _SIGNATURES.items():
        for key in sorted(tensors, key=len):
            if key == signature or key.endswith(f".{signature}"):
                return network, key.removesuffix(signature)
    expected = "a state dict of " + ", ".join(_LABELS.values())
    raise _refused(path, "keys", found=_some(tensors), expected=expected)


def _first_length(tensor: Tensor | None) -> int:
    """Number of rows; 1 for a tensor without rows, which the check of shapes then refuses."""
    return tensor.shape[0] if tensor is not None and tensor.ndim else 1


def _modern(key: str) -> str:
    for pattern, name in _OLD_VIT:
        key = pattern.sub(name, key)
    return key


def _shapes(network: str, *, size: Size, width: int | None) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        module = SpatialCnn2d(dim=width or 1, size=size) if network == TRUNK else build_backbone(network)
    return {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}


def _check(path: Path, network: str, tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
    label = _LABELS[network]
    if missing := [key for key in shapes if key not in tensors and not key.endswith(_COUNTER)]:
        raise _refused(path, "keys", found=f"no {_some(missing)}", expected=f"all {len(shapes)} keys of {label}")
    if unknown := [key for key in tensors if key not in shapes]:
        raise _refused(path, "keys", found=_some(unknown), expected=f"the {len(shapes)} keys of {label} and no others")
    for key, tensor in tensors.items():
        if tuple(tensor.shape) != shapes[key]:
            found, expected = (f"shape {tuple(shape)}" for shape in (tensor.shape, shapes[key]))
            raise _refused(path, f"`{key}`", found=found, expected=f"{expected} of {label}")
        if tensor.is_floating_point() == key.endswith(_COUNTER):
            kind = "whole numbers" if key.endswith(_COUNTER) else "floating-point numbers"
            raise _refused(path, f"`{key}`", found=str(tensor.dtype), expected=kind)
        if not bool(torch.isfinite(tensor).all()):
            raise _refused(path, f"`{key}`", found="NaN or infinity", expected="finite numbers")


def _some(keys: Iterable[str]) -> str:
    return name_some([f"`{key}`" for key in keys], limit=3)


def _refused(path: Path, place: str, *, found: str, expected: str, remedy: str = "") -> BadInputError:
    remedy = remedy or "correct `video.init`, or set `scratch`"
    return BadInputError(path, place, found=found, expected=expected, remedy=remedy)


DIGITS = 12


def described_start(start: VideoStartSettings, *, size: Size) -> VideoStartSettings:
    """The start with the content of its weight file, and the file's name instead of its path.

    Raises:
        BadInputError: the weight file is refused.
    """
    if start.init == SCRATCH or start.weights is not None:
        return start
    return _described(start, start.init, read_video_weights(start.init, size=size))


def without_path(start: VideoStartSettings) -> VideoStartSettings:
    """A described start as stored in a checkpoint."""
    return start if start.weights is None else replace(start, weights=replace(start.weights, path=None))


def build_trunk(start: VideoStartSettings, *, dim: int, size: Size, time_average: TimeAverage) -> tuple[nn.Module, str]:
    """The network that `start` names, with the weights of its file if any, and a description of its start.

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
        start = _described(start, path, weights)
    assert start.weights is not None
    network: nn.Module
    if start.weights.network == TRUNK:
        network = SpatialCnn2d(dim=dim, size=size, time_average=time_average)
    else:
        network = BackboneTrunk(start.weights.network, dim=dim, time_average=time_average)
    if weights is not None:
        _load_weights(network, weights, dim=dim)
    return network, _words(start.init, start.weights, dim)


def _described(start: VideoStartSettings, path: str, weights: VideoWeights) -> VideoStartSettings:
    found = WeightFile(network=weights.network, width=weights.width, sha256=weights.sha256, path=path)
    return replace(start, init=Path(path).name, weights=found)


def _load_weights(network: nn.Module, weights: VideoWeights, *, dim: int) -> None:
    """Load the weights; the layer to the feature keeps its initial ones if the file has none that fit."""
    if weights.network == TRUNK:
        given = {key: value for key, value in weights.tensors.items() if weights.width == dim or not _is_last(key)}
    else:
        given = {f"backbone.{key}": value for key, value in weights.tensors.items()}
    network.load_state_dict(network.state_dict() | given)


def _is_last(key: str) -> bool:
    return key.startswith("projection.")


def _words(name: str, weights: WeightFile, dim: int) -> str:
    # Of a trunk, the last layer fits one width: another width starts with a new layer, as the start describes.
    anew = ", projection anew" if weights.network == TRUNK and weights.width != dim else ""
    return f"{name} (sha256 {weights.sha256[:DIGITS]}{anew})"
