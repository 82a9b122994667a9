"""Features of windows by a trained method, rebuilt from its checkpoint, and by its own start."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detach_core.contracts.checkpoint import Checkpoint
from detach_core.contracts.split import Split
from detach_core.contracts.windows import Windows
from detach_core.methods.batch import SENSOR, STREAMED, InputShape, calibrate_batch_norm, required
from detach_core.methods.method import AnyMethod
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
    sensor = _normal(checkpoint, method, np.asarray(windows.sensor)[split.pretrain])
    calibrate_batch_norm(method, _none_alone(torch.split(sensor, EVALUATION_BATCH)), method.embed_sensor)
    return method.requires_grad_(False)


def _none_alone(batches: Sequence[Tensor]) -> Sequence[Tensor]:
    """The batches, a last one of a single row joined to the one before: BatchNorm has no variance of one row."""
    if len(batches) < 2 or len(batches[-1]) > 1:
        return batches
    return [*batches[:-2], torch.cat([*batches[-2:]])]


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
        sensor, video = method.embed_sensor(required(batch.sensor)), method.embed_video(batch)
        named = sensor.named("sensor") | (video.named("video") if video is not None else {})
        for name, value in named.items():
            parts.setdefault(name, []).append(value)
    return {name: torch.cat(values).cpu().numpy() for name, values in parts.items()}


@torch.no_grad()
def embed_sensor_windows(
    method: AnyMethod, checkpoint: Checkpoint, sensor: NDArray[np.float32], *, device: torch.device
) -> dict[str, NDArray[np.float32]]:
    """Features of `sensor` (N, C, L) in native units, each (N, D); equal to those of `embed_windows`."""
    parts: dict[str, list[Tensor]] = {}
    for batch in torch.split(_normal(checkpoint, method, sensor).to(device), EVALUATION_BATCH):
        for name, value in method.embed_sensor(batch).named("sensor").items():
            parts.setdefault(name, []).append(value)
    return {name: torch.cat(values).cpu().numpy() for name, values in parts.items()}


def _normal(checkpoint: Checkpoint, method: AnyMethod, sensor: NDArray[np.float32]) -> Tensor:
    """Windows (N, C, L) in native units in the checkpoint's normal form."""
    normalisation = normalisation_from_dict(checkpoint.normalisation)
    return torch.from_numpy(apply_form(sensor, normalisation, method.settings.input.form).astype(np.float32))
