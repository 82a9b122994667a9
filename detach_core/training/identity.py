"""What makes a training the one it is: only one that agrees in all of it may go on from another's state."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from detach_core.contracts.checkpoint import Checkpoint
from detach_core.contracts.provenance import Provenance, digest
from detach_core.training.device import choose_device

# The packages whose code decides over the bits of a training.
_PACKAGES = ("clustering", "contracts", "encoders", "losses", "methods", "settings", "signals", "training")


def training_identity(provenance: Provenance, *, device: str, spatial: Checkpoint | None) -> dict[str, str]:
    """Name -> value of all that two trainings with the same bits have in common.

    Args:
        provenance: of the checkpoint that is to come: stage, settings, seed, inputs, version.
        device: the settings' `auto | cpu | cuda`; what it comes to here counts.
        spatial: Stage 1, of which the weights themselves count.
    """
    return {
        "stage": provenance.stage,
        "data source": provenance.source,
        "settings": provenance.settings_digest,
        "seed": str(provenance.seed),
        "inputs": digest(provenance.inputs),
        "Stage 1": tensors_digest(spatial.tensors) if spatial is not None else "none",
        "version": provenance.version,
        "code": code_digest(),
        "torch": str(torch.__version__),
        "device": choose_device(device).type,
    }


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """The first 16 hex digits of the SHA-256 of names, types, shapes and bytes."""
    text = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        text.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        text.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return text.hexdigest()[:16]


@lru_cache(maxsize=1)
def code_digest() -> str:
    """The first 16 hex digits of the SHA-256 of the sources that training runs on, as they were when first asked."""
    root = Path(__file__).resolve().parents[1]
    text = hashlib.sha256()
    for path in sorted(path for package in _PACKAGES for path in (root / package).rglob("*.py")):
        text.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    return text.hexdigest()[:16]
