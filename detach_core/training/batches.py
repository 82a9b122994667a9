"""Batches of windows in memory: sensor in its normal form, video as bytes, decoded and augmented batch by batch.

Everything lies on the training device, so a GPU gathers from its own memory and no loader process is needed. Decoded
video is channels-last in memory: (B, F, H, W, C) underneath, handed out as (B, C, F, H, W).
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
from detach_core.training import randomness
from detach_core.training.augmentation import SensorAugmentation, VideoAugmentation, VideoChange
from detach_core.training.randomness import NoisePool, make_generator


class ByteStream:
    """A stream of pictures (T, H, W, C) uint8 or int8 on one device."""

    def __init__(self, stream: Tensor) -> None:
        if stream.ndim != 4:
            raise ValueError(f"expected (T, H, W, C), got {tuple(stream.shape)}")
        self.height, self.width, self.channels = stream.shape[1:]
        self._size = self.width * self.channels
        # A line's width of padding before and after, so that a moved first or last line can be read as well.
        flat = stream.new_zeros(stream.numel() + 2 * self._size)
        flat[self._size : -self._size] = stream.reshape(-1)
        self._from = flat.unfold(0, self._size, 1)

    def gather(self, first: Tensor, num_frames: int, shift: Tensor | None = None, *, step: int = 1) -> Tensor:
        """`num_frames` pictures from each row of `first` on, every `step`-th, (B, F, H, W, C) in the stream's type.

        Args:
            first: (B,) int64, row of each window's first picture.
            num_frames: F.
            shift: (B, 2) int64 on the CPU, pixels by which the picture moves down and right; its border goes on. None:
                not at all.
            step: 2 leaves out every other picture.
        """
        batch = len(first)
        shift = torch.zeros(batch, 2, dtype=torch.int64) if shift is None else shift
        frame = first.cpu()[:, None] + step * torch.arange(num_frames)
        row = (torch.arange(self.height) - shift[:, :1]).clamp_(0, self.height - 1)
        line = frame[:, :, None] * self.height + row[:, None, :]
        # A line read from some pixels earlier on is a line moved right: no pixel is copied twice.
        start = (line + 1) * self._size - shift[:, 1, None, None] * self.channels
        lines = self._from.index_select(0, start.flatten().to(self._from.device))
        pictures = lines.view(batch, num_frames, self.height, self.width, self.channels)
        return self._mend_borders(pictures, shift[:, 1].tolist())

    def _mend_borders(self, pictures: Tensor, shift: list[int]) -> Tensor:
        """`pictures` whose shifted lines are padded with their own border instead of the end of the next line."""
        for picture, right in zip(pictures, shift, strict=True):
            if right > 0:
                picture[..., :right, :] = picture[..., right : right + 1, :]
            elif right < 0:
                picture[..., right:, :] = picture[..., right - 1 : right, :]
        return pictures


FLOW_UNIT_PX = 4.0

FLOW_LIMIT = 4.0

CODE_RANGE = 127.0


def decode_frames(rgb: Tensor) -> Tensor:
    """RGB in [0, 1], (..., H, W, 3) float32, from bytes of that shape."""
    return rgb.to(torch.float32).mul_(1.0 / 255.0)


def decode_flow(code: Tensor, max_px: float) -> Tensor:
    """Flow in units of four pixels, clipped to [-4, 4], from its square-root companded int8 code.

    The same values as `contracts.flow.flow_table` over four pixels; computed, because a table look-up needs
    eight bytes of index for one byte of code.
    """
    value = code.to(torch.float32).mul_((max_px / FLOW_UNIT_PX) ** 0.5 / CODE_RANGE)
    value = value.abs().mul_(value)
    # The companding never exceeds max_px, so at the usual range there is nothing to clip.
    return value if max_px <= FLOW_UNIT_PX * FLOW_LIMIT else value.clamp_(-FLOW_LIMIT, FLOW_LIMIT)


def decode_differences(rgb: Tensor) -> Tensor:
    """RGB of each frame minus that of the frame before, (B, F-1, H, W, 3) in [-1, 1], from bytes (B, F, H, W, 3).

    Raises:
        ValueError: fewer than two frames, or another shape.
    """
    if rgb.ndim != 5 or rgb.shape[1] < 2:
        raise ValueError(f"expected (B, F >= 2, H, W, 3), got {tuple(rgb.shape)}")
    value = decode_frames(rgb)
    return value[:, 1:] - value[:, :-1]


def join_motion(differences: Tensor, flow: Tensor) -> Tensor:
    """Motion (B, F-1, H, W, 5): differences of frames, then the flow between the same frames.

    Args:
        differences: (B, F-1, H, W, 3).
        flow: (B, F, H, W, 2), into each frame; what led into the first frame lies outside the window.

    Raises:
        ValueError: shapes that do not fit.
    """
    if flow.ndim != 5 or flow[:, 1:].shape[:4] != differences.shape[:4]:
        raise ValueError(f"expected flow of one frame more than {tuple(differences.shape)}, got {tuple(flow.shape)}")
    return torch.cat([differences, flow[:, 1:]], dim=-1)


def channels_first(video: Tensor) -> Tensor:
    """The view (B, C, ..., H, W) of (B, ..., H, W, C); memory stays channels-last, which is fast for convolutions."""
    return video.movedim(-1, 1)


# Enough to fill the machine without augmentation or gradients; the result does not depend on it.
EVALUATION_BATCH = 128


def input_shape(windows: Windows) -> InputShape:
    """Shape of `windows`, from which methods build their networks."""
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
        """State of every random generator of the windows, and of their pools of noise."""
        state = {purpose: generator.get_state() for purpose, generator in self._draws.items()}
        pools = {name: pool.state() for name, pool in self._pools().items()}
        return state | {f"{name}.{key}": value for name, pool in pools.items() for key, value in pool.items()}

    def restore_random_state(self, state: Mapping[str, Tensor]) -> None:
        """Restoration of the state that `random_state` returned."""
        for purpose, generator in self._draws.items():
            generator.set_state(state[purpose])
        for name, pool in self._pools().items():
            pool.restore(starting_with(state, f"{name}."))

    def _pools(self) -> dict[str, NoisePool]:
        changes = {"sensor": self._change_sensor, "video": self._change_video}
        return {name: change.noise for name, change in changes.items() if change is not None}

    def num_windows(self, part: str) -> int:
        """Number of windows of the part."""
        return len(self._ids[part])

    def steps_per_epoch(self, batch_size: int, unit: str) -> int:
        """Number of full batches of the pretraining windows."""
        return randomness.steps_per_epoch(self._recording[self._ids["pretrain"]], batch_size, unit)

    def truth(self, part: str) -> Truth:
        """Places and actions of the part, for monitoring only."""
        ids = self._ids[part]
        action = self._action_of[self._label[ids]]
        return Truth(self._location[ids].to(self.device), action.to(self.device), self._location_source)

    def shuffled(self, batch_size: int, unit: str = "window") -> Iterator[Tensor]:
        """Positions of the pretraining windows in a new random order, in full batches."""
        ids = self._ids["pretrain"]
        if unit == "recording":
            return randomness.recording_batches(self._recording[ids], batch_size, self._draws["order"])
        return randomness.window_batches(len(ids), batch_size, self._draws["order"])

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
