"""Features of windows by a trained method, rebuilt from its checkpoint, and by its own start."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detach_core.contracts.checkpoint import Checkpoint
from detach_core.contracts.split import Split
from detach_core.contracts.windows import Windows
from detach_core.methods.batch import SENSOR, STREAMED, InputShape, calibrate_batch_norm, required
from detach_core.methods.method import AnyMethod, Embedding
from detach_core.methods.registry import build_method
from detach_core.signals.normalization import apply_form
from detach_core.training.batches import EVALUATION_BATCH, ResidentWindows
from detach_core.training.job import settings_of
from detach_core.training.randomness import seed_everything
from detach_core.training.session import normalisation_from_dict


def initial_method(checkpoint: Checkpoint) -> AnyMethod:
    """The checkpoint's method with initial weights drawn from the global generators."""
    return build_method(checkpoint.method, settings=settings_of(checkpoint), shape=InputShape(**checkpoint.shape))


def rebuild(checkpoint: Checkpoint) -> AnyMethod:
    """The checkpoint's method, frozen and in evaluation mode."""
    method = initial_method(checkpoint)
    method.restore(checkpoint.tensors)
    return method.requires_grad_(False).eval()


def own_start(checkpoint: Checkpoint, windows: Windows, split: Split) -> AnyMethod:
    """The checkpoint's method before any training: its own untrained control, frozen and in evaluation mode.

    Weights are those that the run's seed draws. What the checkpoint measured on data and did not train (statistics of
    its input) stays, and BatchNorm gets the statistics of the pretraining windows: without them the control would
    differ from training in scale as well. No Stage 1 and no teacher is trained for it.
    """
    seed_everything(checkpoint.provenance.seed or 0)
    method = initial_method(checkpoint)
    sizes = {name: buffer.shape for name, buffer in method.named_buffers()}
    measured = {name: value for name, value in checkpoint.tensors.items() if sizes.get(name) == value.shape}
    method.load_state_dict(measured, strict=False)
    access = ResidentWindows(
        windows,
        {"pretrain": split.pretrain},
        normalisation_from_dict(checkpoint.normalisation),
        form=method.settings.input.form,
        augmentation=None,
        device=torch.device("cpu"),
        seed=0,
        with_labels=False,
        with_streams=False,
    )
    calibrate_batch_norm(method, access, method.embed_sensor)
    return method.requires_grad_(False)


@torch.no_grad()
def embed_windows(
    method: AnyMethod, checkpoint: Checkpoint, windows: Windows, *, device: torch.device
) -> dict[str, NDArray[np.float32]]:
    """Features of all windows in order, each (N, D), by their names in `embeddings.h5`."""
    modalities = method.video_modalities | {SENSOR}
    resident = ResidentWindows(
        windows,
        {"all": np.arange(windows.num_windows)},
        normalisation_from_dict(checkpoint.normalisation),
        form=method.settings.input.form,
        augmentation=None,
        device=device,
        seed=0,
        with_labels=False,
        with_streams=bool(modalities & STREAMED),
        frames_every=method.settings.input.frames_every,
    )
    parts: dict[str, list[Tensor]] = {}
    for batch in resident.batches("all", modalities=modalities):
        sides = {"sensor": method.embed_sensor(required(batch.sensor)), "video": method.embed_video(batch)}
        for side, embedding in sides.items():
            for name, value in _named(side, embedding).items():
                parts.setdefault(name, []).append(value)
    return {name: torch.cat(values).cpu().numpy() for name, values in parts.items()}


@torch.no_grad()
def embed_sensor_windows(
    method: AnyMethod, checkpoint: Checkpoint, sensor: NDArray[np.float32], *, device: torch.device
) -> dict[str, NDArray[np.float32]]:
    """Features of `sensor` (N, C, L) in native units, each (N, D); equal to those of `embed_windows`."""
    normalisation = normalisation_from_dict(checkpoint.normalisation)
    normal = apply_form(sensor, normalisation, method.settings.input.form).astype(np.float32)
    parts: dict[str, list[Tensor]] = {}
    for batch in torch.split(torch.from_numpy(normal).to(device), EVALUATION_BATCH):
        for name, value in _named("sensor", method.embed_sensor(batch)).items():
            parts.setdefault(name, []).append(value)
    return {name: torch.cat(values).cpu().numpy() for name, values in parts.items()}


def _named(side: str, embedding: Embedding | None) -> dict[str, Tensor]:
    if embedding is None:
        return {}
    others = {name: getattr(embedding, name) for name in ("spatial", "temporal", "shared")}
    return {side: embedding.whole, **{f"{side}_{name}": value for name, value in others.items() if value is not None}}
