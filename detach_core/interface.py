"""Trained runs in Python: embeddings and class probabilities of a user's own arrays of sensors and video frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from detach_core.contracts.checkpoint import Checkpoint, read_checkpoint
from detach_core.contracts.classifier import Classifier, find_classifier
from detach_core.contracts.frames import compand
from detach_core.contracts.recording import Recording
from detach_core.contracts.windows import Streams, Windows
from detach_core.datasets.video_pictures import Picture, PictureFitter, WorkingRows
from detach_core.evaluation.evaluate import mean_by_unit
from detach_core.evaluation.probes import Probe
from detach_core.foundation.errors import UserError
from detach_core.methods.method import AnyMethod
from detach_core.signals.frames import MeanFrames, nearest_pictures, num_ticks
from detach_core.signals.motion import consecutive_flow, flow_function
from detach_core.signals.resampling import EvenTicks, on_even_clock
from detach_core.training.embedding import embed_sensor_windows, embed_windows, rebuild
from detach_core.windows.packing import RecordingWindows, cut_windows, first_rows

_CHECKPOINT, _CLASSIFIER = "checkpoint.safetensors", "classifier.safetensors"

_CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class RunEmbeddings:
    """Embeddings of N windows, each (N, D) float32; None is what the method does not have or was not given.

    Attributes:
        start_s: (N,) each window's start, from the first sample on.
        nan_share: (N, C) share of NaN of each of the run's channels in each window.
        whole: the sensors' embedding that the probe of the workflow sees under `sensor`.
        spatial: its spatial half.
        temporal: its temporal half.
        shared: its projection into the video's space, where `whole` lies elsewhere.
        video: the video's embedding.
        video_spatial: its spatial half.
        video_temporal: its temporal half.
    """

    start_s: NDArray[np.float64]
    nan_share: NDArray[np.float64]
    whole: NDArray[np.float32]
    spatial: NDArray[np.float32] | None
    temporal: NDArray[np.float32] | None
    shared: NDArray[np.float32] | None
    video: NDArray[np.float32] | None
    video_spatial: NDArray[np.float32] | None
    video_temporal: NDArray[np.float32] | None


@dataclass(frozen=True, eq=False)
class _OwnWindows(Windows):
    """Windows whose streams are in memory and in no file."""

    own: Streams

    def load_streams(self) -> Streams:
        return self.own


class TrainedRun:
    """A frozen method on the CPU, with the form of its input and the classifier of its probe.

    Attributes:
        method: its name.
        dataset: the dataset that it was trained on.
        channel_names: (C,) the sensor channels.
        class_names: (K,) the columns of `probabilities`; the dataset's classes where no classifier is stored.
        class_places: (K,) where each class happens, "" for a class without a place.
        class_actions: (K,) what is done in each class, "" for a class without an action.
        sensor_hz: rate of the sensors.
        window_s: length of a window (s).
    """

    def __init__(self, checkpoint: Checkpoint, classifier: Classifier | UserError) -> None:
        """Args: classifier: of the checkpoint's features, or the error of asking for probabilities without one."""
        self._checkpoint, self._classifier = checkpoint, classifier
        self._method: AnyMethod = rebuild(checkpoint)
        self.method, self.dataset = checkpoint.method, checkpoint.dataset
        self.channel_names = tuple(checkpoint.channel_names)
        named = checkpoint if isinstance(classifier, UserError) else classifier
        self.class_names = tuple(named.class_names)
        self.class_places, self.class_actions = tuple(named.class_places), tuple(named.class_actions)
        self.sensor_hz, self.window_s = self._method.shape.sensor_hz, checkpoint.window_s

    def embed(
        self,
        sensor: NDArray[np.floating],
        *,
        rate_hz: float,
        channel_names: Sequence[str],
        frames: NDArray[np.uint8] | None = None,
        frames_hz: float | None = None,
        stride_s: float | None = None,
        choice: Literal["nearest", "previous"] = "nearest",
    ) -> RunEmbeddings:
        """Embeddings of all whole windows of a recording; with `frames`, of those that the video shows.

        NaN are treated as the workflow does (stage `pack`): a channel with a larger share of NaN in a window than the
        dataset's `missing.max_nan_share` is 0 there, a smaller one is interpolated over time.

        Args:
            sensor: (T, C) samples in the native units of the run's dataset, evenly spaced in time.
            rate_hz: their rate; another than the run's is resampled without interpolation.
            channel_names: (C,) the columns' names, in any order.
            frames: (F, height, width, 3) uint8 RGB pictures of any size, evenly spaced, upright, with square pixels;
                the first one is taken with the first sample. Cut them before where the dataset's `video.crop_px` does.
            frames_hz: their rate.
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
        video = None if frames is None and frames_hz is None else self._working_video(frames, frames_hz)
        part = self._cut(values, stride_s=stride_s, num_rows=None if video is None else len(video[0]))
        if video is None or not self._method.video_modalities:
            windows = part.sensor.read(0, len(part.start_s))
            features = embed_sensor_windows(self._method, self._checkpoint, windows, device=_CPU)
        else:
            own = self._windows(part, *video, stride_s=stride_s)
            features = embed_windows(self._method, self._checkpoint, own, device=_CPU)
        return RunEmbeddings(
            start_s=part.start_s,
            nan_share=self._nan_share(values, part.start_s),
            whole=features["sensor"],
            spatial=features.get("sensor_spatial"),
            temporal=features.get("sensor_temporal"),
            shared=features.get("sensor_shared"),
            **{name: features.get(name) for name in ("video", "video_spatial", "video_temporal")},
        )

    def probabilities(
        self, embeddings: RunEmbeddings, *, unit: Literal["window", "recording"] | None = None
    ) -> NDArray[np.float64]:
        """Probability of each of `class_names`: of each window (N, K), or of the whole recording (1, K).

        Args:
            embeddings: of this run.
            unit: whose probabilities; those of a recording are of the mean of its windows' embeddings. None: the unit
                that the classifier was fitted on, `recording` where the dataset is labelled so.

        Raises:
            UserError: no classifier is stored for the run, or it does not fit the embeddings.
        """
        classifier = self._classifier
        if isinstance(classifier, UserError):
            raise classifier
        name = {"sensor": "whole"}.get(classifier.feature, classifier.feature.removeprefix("sensor_"))
        feature, width = getattr(embeddings, name, None), len(classifier.tensors["mean"])
        if feature is None or feature.shape[1:] != (width,):
            found = "none" if feature is None else f"shape {feature.shape}"
            raise UserError(f"embeddings.{name}: found {found}, expected (N, {width}); give embeddings of this run")
        if (unit or classifier.label_unit) == "recording":
            feature, _ = mean_by_unit(feature, np.zeros(len(feature), dtype=np.int64))
        probe = Probe(**classifier.tensors, c=classifier.c, candidate=0, inner_loss=())
        return probe.probabilities(feature.astype(np.float64))

    def _ordered(self, sensor: NDArray[Any], names: Sequence[str]) -> NDArray[np.float32]:
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
        with np.errstate(over="ignore"):
            values = sensor.astype(np.float32)
        _check_values(values, names)
        return values[:, [list(names).index(name) for name in self.channel_names]]

    def _cut(self, values: NDArray[np.float32], *, stride_s: float, num_rows: int | None) -> RecordingWindows:
        """The windows of samples (T, C) at the run's rate, inside `num_rows` of the working video if there is one."""
        shape = self._method.shape
        without_video = int(len(values) / self.sensor_hz * shape.working_hz) + 2 * shape.frames
        recording = Recording(
            recording_id="recording",
            subject="subject",
            sensor=values,
            time_s=EvenTicks(0.0, len(values), self.sensor_hz),
            sensor_hz=self.sensor_hz,
            channel_names=self.channel_names,
            channel_units=("",) * len(self.channel_names),
            annotations=(),
            video_path=None,
            video_hz=shape.working_hz,
        )
        part = cut_windows(
            recording,
            seen=np.ones(without_video if num_rows is None else num_rows, dtype=np.bool_),
            working_hz=shape.working_hz,
            length_s=self.window_s,
            stride_s=stride_s,
            max_nan_share=self._checkpoint.max_nan_share,
        )
        if not len(part.start_s):
            video = "" if num_rows is None else f" and {num_rows} pictures at {shape.working_hz:g} Hz"
            of_video = "" if num_rows is None else f" and {shape.frames}"
            raise UserError(
                f"sensor: found {len(values)} samples at {self.sensor_hz:g} Hz{video}, expected at least"
                f" {shape.length}{of_video}, a window of {self.window_s:g} s; give a longer recording"
            )
        return part

    def _nan_share(self, values: NDArray[np.float32], start_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, C) of the windows that begin at `start_s` of samples (T, C)."""
        length = self._method.shape.length
        first = first_rows(start_s, origin_s=0.0, rate_hz=self.sensor_hz)
        before = np.concatenate([np.zeros((1, values.shape[1])), np.isnan(values).cumsum(axis=0)])
        return np.asarray((before[first + length] - before[first]) / length)

    def _working_video(self, frames: Any, frames_hz: float | None) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The working frames, rgb (F, H, W, 3) and luma (F, 2H, 2W), made as stage `extract_frames` makes them."""
        if frames is None or frames_hz is None:
            found = "`frames_hz` alone" if frames is None else "`frames` alone"
            raise UserError(f"frames: found {found}, expected pictures and their rate, or neither; give both")
        frames = np.asarray(frames)
        if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8 or not frames.size:
            raise UserError(
                f"frames: found an array of shape {frames.shape} and type {frames.dtype}, expected RGB pictures"
                " (pictures, height, width, 3) of type uint8; convert them"
            )
        _check_positive("frames_hz", frames_hz)
        shape = self._method.shape
        interval_s = 1 / Fraction(frames_hz).limit_denominator(1_000_000)
        ticks = num_ticks((len(frames) - 1) * interval_s, interval_s=interval_s, working_hz=shape.working_hz)
        rows = WorkingRows(
            PictureFitter(Path("frames"), image_px=(shape.width, shape.height), crop_px=None), np.empty(ticks)
        )
        rgb = np.empty((ticks, shape.height, shape.width, 3), dtype=np.uint8)
        luma = np.empty((ticks, 2 * shape.height, 2 * shape.width), dtype=np.uint8)
        pictures = nearest_pictures(_pictures(frames, interval_s), working_hz=shape.working_hz, ticks=ticks)
        for row, (picture, grey) in enumerate(rows.of(pictures)):
            rgb[row], luma[row] = picture, grey
        return rgb, luma

    def _windows(
        self, part: RecordingWindows, rgb: NDArray[np.uint8], luma: NDArray[np.uint8], *, stride_s: float
    ) -> Windows:
        """The windows as stage `pack` makes them, with the streams of their only recording."""
        checkpoint, shape = self._checkpoint, self._method.shape
        count = len(part.start_s)
        none, only = np.full(count, -1, dtype=np.int32), np.zeros(count, dtype=np.int32)
        return _OwnWindows(
            path=Path(),
            sensor=part.sensor,
            mean_frame=MeanFrames(rgb, part.first_frame, shape.frames),
            recording=only,
            subject=only,
            start_s=part.start_s,
            first_frame=part.first_frame,
            label=none,
            instance=none,
            location=none,
            dataset=checkpoint.dataset,
            source="local",
            label_unit=shape.label_unit,
            class_names=tuple(checkpoint.class_names),
            class_places=tuple(checkpoint.class_places),
            class_actions=tuple(checkpoint.class_actions),
            location_names=(),
            location_source="none",
            channel_names=self.channel_names,
            channel_units=("",) * len(self.channel_names),
            recording_names=("recording",),
            subject_names=("subject",),
            sensor_hz=self.sensor_hz,
            working_hz=shape.working_hz,
            window_s=self.window_s,
            stride_s=stride_s,
            frames_per_window=shape.frames,
            max_nan_share=checkpoint.max_nan_share,
            flow_method=checkpoint.flow_method,
            flow_max_px=checkpoint.flow_max_px,
            streams=(),
            provenance=checkpoint.provenance,
            own=Streams(rgb, self._flow(luma), part.first_frame),
        )

    def _flow(self, luma: NDArray[np.uint8]) -> NDArray[np.int8]:
        """Companded flow (F, H, W, 2) between working frames (F, 2H, 2W), as stage `flow` computes it."""
        method, _, preset = self._checkpoint.flow_method.partition(" ")
        names: Any = {"method": method, "preset": preset or "fast"}
        with _one_opencv_thread():
            function = flow_function(**names, luma_px=(luma.shape[2], luma.shape[1]))
            return np.stack([compand(step, self._checkpoint.flow_max_px) for step in consecutive_flow(luma, function)])


def load(path: Path | str, *, classifier: Path | str | None = None) -> TrainedRun:
    """The trained run in a folder `{dataset}/{split}/{variant}/seed{n}`, or of a checkpoint file.

    Args:
        path: the folder or the file.
        classifier: folder or file of the classifier of another row's probe on this run's features, as of a half; the
            run's own if None.

    Raises:
        UserError: there is no checkpoint, or the classifier is of another checkpoint's features.
        ContractError: the checkpoint or the classifier is not what its contract says.
    """
    file = _file_in(path, _CHECKPOINT)
    if not file.exists():
        raise UserError(f"{file}: found nothing, expected a trained run's {_CHECKPOINT}; run the rule `pretrain`")
    checkpoint = read_checkpoint(file)
    place = file.with_name(_CLASSIFIER) if classifier is None else _file_in(classifier, _CLASSIFIER)
    found = find_classifier(place, checkpoint_id=checkpoint.provenance.artifact_id)
    if classifier is not None and isinstance(found, UserError):
        raise found
    return TrainedRun(checkpoint, found)


def _file_in(path: Path | str, name: str) -> Path:
    return Path(path) / name if Path(path).is_dir() else Path(path)


def _check_values(values: NDArray[np.float32], names: Sequence[str]) -> None:
    """Refuse infinity, and a channel that is NaN from end to end, which nothing can be interpolated from."""
    wrong = np.argwhere(np.isinf(values))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise UserError(
            f"sensor[{row}, {column}] ({names[column]}): found {values[row, column]}, expected a finite number in"
            " float32, or NaN for a lost sample; correct it"
        )
    lost = np.flatnonzero(np.isnan(values).all(axis=0))
    if len(lost):
        raise UserError(
            f"sensor ({names[lost[0]]}): found no value, expected at least one; give zeros where the run was trained"
            " with zeros for such a channel (`missing.all_nan_channel`)"
        )


def _check_positive(name: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        raise UserError(f"{name}: found {value}, expected a finite number above 0; give it in Hz or seconds")


def _pictures(frames: NDArray[np.uint8], interval_s: Fraction) -> Iterator[tuple[Fraction, Picture]]:
    """(time, picture) of RGB frames (F, height, width, 3), one at a time."""
    for number, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        yield number * interval_s, Picture(picture, number * interval_s, Fraction(1))


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """OpenCV on one thread as in the stages, and on as many as before behind it."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
