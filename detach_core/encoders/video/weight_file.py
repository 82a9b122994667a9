"""A weight file that a video network may start from: told by its keys, and refused unless it fits to the last one."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from detach_core.encoders.size import Size
from detach_core.encoders.video.backbone import BACKBONES, build_backbone
from detach_core.encoders.video.spatial_cnn2d import SpatialCnn2d
from detach_core.foundation.errors import BadInputError, raise_unreadable
from detach_core.foundation.files import name_some

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
            found, expected = "a tensor of more numbers than it holds", "every number of it"
            raise _refused(path, f"`{str(key)[:100]}`", found=found, expected=expected)
    return {str(key): tensor for key, tensor in loaded.items()}


def _check_packing(path: Path) -> None:
    """Refuse a zip that unpacks to more than it is: torch packs nothing, so that only a bomb does."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > path.stat().st_size:
            found, expected = f"{size} packed bytes in a file of {path.stat().st_size}", "weights that are not packed"
            raise _refused(path, "file", found=found, expected=expected)


def _tell(path: Path, tensors: Mapping[str, Tensor]) -> tuple[str, str]:
    """Which network the keys are of, and what stands before its own names."""
    for network, signature in _SIGNATURES.items():
        for key in sorted(tensors, key=len):
            if key == signature or key.endswith(f".{signature}"):
                return network, key.removesuffix(signature)
    expected = "a state dict of " + ", ".join(_LABELS.values())
    raise _refused(path, "keys", found=_some(tensors), expected=expected)


def _first_length(tensor: Tensor | None) -> int:
    """How many rows; 1 where there are none to count, which the check of shapes then tells."""
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
