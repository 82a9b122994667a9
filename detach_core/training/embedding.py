"""Features of windows by a trained method and by its own start, and the Python interface of trained runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detach_core.contracts.checkpoint import Checkpoint, read_checkpoint
from detach_core.contracts.split import Split
from detach_core.contracts.windows import Windows
from detach_core.foundation.errors import UserError
from detach_core.methods.batch import SENSOR, STREAMED, InputShape, calibrate_batch_norm, required
from detach_core.methods.method import AnyMethod, Embedding
from detach_core.methods.registry import build_method
from detach_core.signals.normalization import apply_form
from detach_core.signals.resampling import EvenTicks, on_even_clock
from detach_core.training.batches import EVALUATION_BATCH, ResidentWindows
from detach_core.training.job import settings_of
from detach_core.training.randomness import seed_everything
from detach_core.training.session import normalisation_from_dict
from detach_core.windows.packing import first_rows, window_starts


def initial_method(checkpoint: Checkpoint) -> AnyMethod:
    """The checkpoint's method as the global generators draw its weights."""
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
    """Features of all windows in order, each (N, D), under the names of `embeddings.h5`."""
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
    """Features of `sensor` (N, C, L) in native units, each (N, D); those that `embed_windows` gives of such windows."""
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


_CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True, eq=False)
class SensorEmbeddings:
    """Embeddings of N windows, each (N, D) float32; a half is None where the method has none.

    Attributes:
        start_s: (N,) each window's start, from the first sample on.
        whole: the embedding that the probe of the workflow sees under `sensor`.
        spatial: the spatial half.
        temporal: the temporal half.
    """

    start_s: NDArray[np.float64]
    whole: NDArray[np.float32]
    spatial: NDArray[np.float32] | None
    temporal: NDArray[np.float32] | None


class TrainedRun:
    """A frozen method on the CPU with the form of its input."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._method: AnyMethod = rebuild(checkpoint)
        self.method = checkpoint.method
        self.channel_names = tuple(checkpoint.channel_names)
        self.class_names = tuple(checkpoint.class_names)
        self.sensor_hz = self._method.shape.sensor_hz
        self.window_s = self._method.shape.length / self.sensor_hz

    def embed(
        self,
        sensor: NDArray[np.floating],
        *,
        rate_hz: float,
        channel_names: Sequence[str],
        stride_s: float | None = None,
        choice: Literal["nearest", "previous"] = "nearest",
    ) -> SensorEmbeddings:
        """Embeddings of all whole windows of a recording.

        Args:
            sensor: (T, C) samples in the native units of the run's dataset, evenly spaced in time.
            rate_hz: their rate; another than the run's is resampled without interpolation.
            channel_names: (C,) the columns' names, in any order.
            stride_s: from one window's start to the next; a window's length if None.
            choice: of the sample at each moment of the run's rate: the `nearest` one for signals that vary, the
                `previous` one for states that hold until they change.

        Raises:
            UserError: shape, values, rate, stride or channel names do not fit; the message says which and how.
        """
        values = self._ordered(np.asarray(sensor), channel_names)
        _check_positive("rate_hz", rate_hz)
        stride_s = self.window_s if stride_s is None else stride_s
        _check_positive("stride_s", stride_s)
        if rate_hz != self.sensor_hz:
            ticks = EvenTicks(0.0, len(values), rate_hz)
            _, even = on_even_clock(ticks, values, rate_hz=self.sensor_hz, choice=choice, max_gap_s=1.0 / rate_hz)
            values = even.read(0, len(even))
        length = self._method.shape.length
        start_s = window_starts(
            begin_s=0.0, end_s=len(values) / self.sensor_hz, length_s=self.window_s, stride_s=stride_s
        )
        first = first_rows(start_s, origin_s=0.0, rate_hz=self.sensor_hz)
        start_s, first = start_s[first + length <= len(values)], first[first + length <= len(values)]
        if not len(first):
            raise UserError(
                f"sensor: found {len(values)} samples at {self.sensor_hz:g} Hz, expected at least {length}, a window"
                f" of {self.window_s:g} s; give a longer recording"
            )
        windows = np.stack([values[row : row + length].T for row in first.tolist()]).astype(np.float32)
        features = embed_sensor_windows(self._method, self._checkpoint, windows, device=torch.device("cpu"))
        return SensorEmbeddings(
            start_s, features["sensor"], features.get("sensor_spatial"), features.get("sensor_temporal")
        )

    def _ordered(self, sensor: NDArray[np.floating], names: Sequence[str]) -> NDArray[np.floating]:
        """(T, C) in the order of the weights."""
        if sensor.ndim != 2 or sensor.shape[1] != len(names) or not len(sensor):
            raise UserError(
                f"sensor: found an array of shape {sensor.shape}, expected (samples, {len(names)}), a column for each"
                " of `channel_names`; transpose or reshape it"
            )
        missing = [name for name in self.channel_names if name not in names]
        unknown = [name for name in names if name not in self.channel_names]
        repeated = sorted({name for name in names if list(names).count(name) > 1})
        for what, found in (("missing", missing), ("unknown", unknown), ("repeated", repeated)):
            if found:
                raise UserError(
                    f"channel_names: found {what}: {', '.join(found)}, expected the run's {len(self.channel_names)}"
                    " channels, each once, in any order; see `channel_names` of the run"
                )
        if not (np.issubdtype(sensor.dtype, np.number) and np.isrealobj(sensor)):
            raise UserError(f"sensor: found values of type {sensor.dtype}, expected real numbers; convert them")
        wrong = np.argwhere(~np.isfinite(sensor))
        if len(wrong):
            row, column = wrong[0].tolist()
            raise UserError(
                f"sensor[{row}, {column}] ({names[column]}): found {sensor[row, column]}, expected a finite number;"
                " fill gaps or leave that stretch out"
            )
        return sensor[:, [list(names).index(name) for name in self.channel_names]]


def load(path: Path | str) -> TrainedRun:
    """The trained run in a folder `{dataset}/{split}/{variant}/seed{n}`, or of a checkpoint file.

    Raises:
        UserError: there is no checkpoint.
        ContractError: the checkpoint is not what its contract says.
    """
    file = Path(path) / _CHECKPOINT if Path(path).is_dir() else Path(path)
    if not file.exists():
        raise UserError(f"{file}: found nothing, expected a trained run's {_CHECKPOINT}; run the rule `pretrain`")
    return TrainedRun(read_checkpoint(file))


def _check_positive(name: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        raise UserError(f"{name}: found {value}, expected a finite number above 0; give it in Hz or seconds")
