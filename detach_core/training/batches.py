"""Windows in memory: sensor in its normal form, video as bytes, decoded and augmented batch by batch.

Everything lies on the training device, so a GPU gathers from its own memory and no loader process is needed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detach_core.contracts.split import Normalisation
from detach_core.contracts.windows import Windows
from detach_core.methods.batch import (
    FRAME,
    FRAMES,
    MEAN_FRAME,
    MOTION,
    SENSOR,
    InputShape,
    Truth,
    WindowBatch,
    starting_with,
)
from detach_core.settings.shared import AugmentationSettings
from detach_core.signals.normalization import apply_form
from detach_core.training import order
from detach_core.training.augmentation_sensor import SensorAugmentation
from detach_core.training.augmentation_video import VideoAugmentation, VideoChange
from detach_core.training.input_form import channels_first, decode_differences, decode_flow, decode_frames, join_motion
from detach_core.training.noise import NoisePool
from detach_core.training.seed import make_generator
from detach_core.training.streams import ByteStream

# Enough to fill the machine without augmentation or gradients; the result does not depend on it.
EVALUATION_BATCH = 128


def input_shape(windows: Windows) -> InputShape:
    """What methods must know of `windows`."""
    return InputShape(
        channels=windows.sensor.shape[1],
        length=windows.sensor.shape[2],
        frames=windows.frames_per_window,
        height=windows.mean_frame.shape[1],
        width=windows.mean_frame.shape[2],
        sensor_hz=windows.sensor_hz,
        working_hz=windows.working_hz,
        num_classes=len(windows.class_names),
        label_unit=windows.label_unit,
    )


class ResidentWindows:
    """The windows of some parts of a split, ready for training or embedding. Implements `WindowsAccess`."""

    def __init__(
        self,
        windows: Windows,
        parts: Mapping[str, NDArray[np.int64]],
        normalisation: Normalisation,
        *,
        form: str,
        augmentation: AugmentationSettings | None,
        device: torch.device,
        seed: int,
        with_labels: bool,
        with_streams: bool,
        frames_every: int = 1,
    ) -> None:
        self.device = device
        self._frames_every = frames_every
        self._draws = {purpose: make_generator(seed, purpose) for purpose in ("order", "frame", "augmentation")}
        self.num_frames = windows.frames_per_window
        self._ids = {part: torch.from_numpy(np.asarray(ids, dtype=np.int64)) for part, ids in parts.items()}
        sensor = apply_form(np.asarray(windows.sensor), normalisation, form).astype(np.float32)
        self._sensor = torch.from_numpy(sensor).to(device)
        self._recording = torch.from_numpy(windows.recording.astype(np.int64))
        self._start_s = torch.from_numpy(windows.start_s.astype(np.float64))
        self._label = torch.from_numpy(windows.label.astype(np.int64))
        self._location = torch.from_numpy(windows.location.astype(np.int64))
        self._location_source = windows.location_source
        self._action_of = torch.tensor([*windows.actions.of_class, -1])
        self._with_labels = with_labels
        self._max_px = windows.flow_max_px
        self._mean_frame = ByteStream(torch.from_numpy(np.asarray(windows.mean_frame)).to(device))
        if with_streams:
            self._load_streams(windows)
        changes = augmentation if augmentation is not None and augmentation.enabled else None
        self._change_sensor = self._change_video = None
        if changes is not None:
            draws, rate = self._draws["augmentation"], windows.sensor_hz
            self._change_sensor = SensorAugmentation(changes.sensor, sensor_hz=rate, generator=draws, device=device)
            self._change_video = VideoAugmentation(changes.video, generator=draws, device=device)

    def _load_streams(self, windows: Windows) -> None:
        streams = windows.load_streams()
        self._first = torch.from_numpy(np.asarray(streams.first, dtype=np.int64))
        self._rgb = ByteStream(torch.from_numpy(streams.rgb).to(self.device))
        self._flow = ByteStream(torch.from_numpy(streams.flow).to(self.device))

    def random_state(self) -> dict[str, Tensor]:
        """Where every random stream of the windows stands, and from where their pools of noise were drawn."""
        state = {purpose: generator.get_state() for purpose, generator in self._draws.items()}
        pools = {name: pool.state() for name, pool in self._pools().items()}
        return state | {f"{name}.{key}": value for name, pool in pools.items() for key, value in pool.items()}

    def restore_random_state(self, state: Mapping[str, Tensor]) -> None:
        """Put every random stream where `random_state` found it."""
        for purpose, generator in self._draws.items():
            generator.set_state(state[purpose])
        for name, pool in self._pools().items():
            pool.restore(starting_with(state, f"{name}."))

    def _pools(self) -> dict[str, NoisePool]:
        changes = {"sensor": self._change_sensor, "video": self._change_video}
        return {name: change.noise for name, change in changes.items() if change is not None}

    def num_windows(self, part: str) -> int:
        """How many windows the part has."""
        return len(self._ids[part])

    def steps_per_epoch(self, batch_size: int, unit: str) -> int:
        """How many full batches the pretraining windows give."""
        return order.steps_per_epoch(self._recording[self._ids["pretrain"]], batch_size, unit)

    def truth(self, part: str) -> Truth:
        """Places and actions of the part, for monitoring only."""
        ids = self._ids[part]
        action = self._action_of[self._label[ids]]
        return Truth(self._location[ids].to(self.device), action.to(self.device), self._location_source)

    def shuffled(self, batch_size: int, unit: str = "window") -> Iterator[Tensor]:
        """Positions of the pretraining windows in a new random order, in full batches."""
        ids = self._ids["pretrain"]
        if unit == "recording":
            return order.recording_batches(self._recording[ids], batch_size, self._draws["order"])
        return order.window_batches(len(ids), batch_size, self._draws["order"])

    def batches(self, part: str, *, modalities: Collection[str], limit: int | None = None) -> Iterator[WindowBatch]:
        """All windows of a part in order, unaugmented, or the `limit` that are evenly spread over it."""
        count = self.num_windows(part)
        position = torch.arange(count)
        if limit is not None and limit < count:
            position = torch.linspace(0, count - 1, limit).round().to(torch.int64)
        for chunk in torch.split(position, EVALUATION_BATCH):
            yield self.gather(part, chunk, modalities=modalities, augment=False)

    def gather(self, part: str, position: Tensor, *, modalities: Collection[str], augment: bool) -> WindowBatch:
        """The windows of a part at `position` (B,), with what `modalities` names."""
        ids = self._ids[part][position.cpu()]
        video = self._decode_video(ids, modalities, augment=augment)
        return WindowBatch(
            position=position.to(self.device),
            recording=self._recording[ids].to(self.device),
            start_s=self._start_s[ids].to(self.device),
            sensor=self._gather_sensor(ids, augment=augment) if SENSOR in modalities else None,
            label=self._label[ids].to(self.device) if self._with_labels else None,
            **{name: channels_first(value) for name, value in video.items()},
        )

    def _gather_sensor(self, ids: Tensor, *, augment: bool) -> Tensor:
        sensor = self._sensor.index_select(0, ids.to(self.device))
        return self._change_sensor(sensor) if augment and self._change_sensor is not None else sensor

    def _decode_video(self, ids: Tensor, modalities: Collection[str], *, augment: bool) -> dict[str, Tensor]:
        wanted = {MEAN_FRAME, MOTION, FRAMES, FRAME} & set(modalities)
        change = self._change_video.draw(len(ids)) if augment and wanted and self._change_video is not None else None
        video: dict[str, Tensor] = {}
        if MEAN_FRAME in wanted:
            pictures = self._pictures(self._mean_frame, ids, 1, change)[:, 0]
            video[MEAN_FRAME] = self._frames(pictures, change, averaged=self.num_frames)
        if FRAME in wanted:
            place = self._draw_frames(len(ids)) if augment else torch.full((len(ids),), self.num_frames // 2)
            video[FRAME] = self._frames(self._pictures(self._rgb, self._first[ids] + place, 1, change)[:, 0], change)
        if FRAMES in wanted:
            every = self._frames_every
            count = len(range(0, self.num_frames, every))
            video[FRAMES] = self._frames(self._pictures(self._rgb, self._first[ids], count, change, every), change)
        if MOTION in wanted:
            differences = decode_differences(self._pictures(self._rgb, self._first[ids], self.num_frames, change))
            if self._change_video is not None and change is not None:
                differences = self._change_video.change_differences(differences, change)
            shift = change.shift if change is not None else None
            code = self._flow.gather(self._first[ids], self.num_frames, shift)
            video[MOTION] = join_motion(differences, decode_flow(code, self._max_px))
        return video

    def _draw_frames(self, count: int) -> Tensor:
        return torch.randint(self.num_frames, (count,), generator=self._draws["frame"])

    def _pictures(
        self, stream: ByteStream, first: Tensor, count: int, change: VideoChange | None, every: int = 1
    ) -> Tensor:
        if self._change_video is None or change is None:
            return stream.gather(first, count, step=every)
        return self._change_video.blur(stream.gather(first, count, change.shift, step=every), change)

    def _frames(self, pictures: Tensor, change: VideoChange | None, *, averaged: int = 1) -> Tensor:
        frames = decode_frames(pictures)
        if self._change_video is None or change is None:
            return frames
        return self._change_video.change_frames(frames, change, averaged=averaged)
