"""Stage `pack`: all shards of a dataset -> `windows.h5`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from detach_core.contracts.frames import FlowFile, FrameFile
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.recording import RecordingFile
from detach_core.contracts.rows import JoinedRows, Rows, rows_of
from detach_core.contracts.windows import NO_FLOW, StreamSource, Windows, write_windows
from detach_core.datasets.registry import PackSettings
from detach_core.foundation.errors import UserError
from detach_core.foundation.logs import stage_log
from detach_core.settings.base import from_plain, to_plain
from detach_core.signals.frames import MeanFrames
from detach_core.windows.packing import (
    RecordingWindows,
    Shard,
    ShardVideo,
    cut_windows,
    locate_windows,
    open_shards,
    rows_per_window,
)


def pack(
    *,
    dataset: str,
    settings: str,
    sensor_paths: Sequence[Path | str],
    frames_paths: Sequence[Path | str],
    flow_paths: Sequence[Path | str],
    windows_path: Path | str,
    log_path: Path | str,
) -> None:
    """Cut every recording of the shards into windows, label them and write them to `windows_path`."""
    with stage_log(log_path, "pack") as log:
        values = from_plain(PackSettings, json.loads(settings))
        shards = open_shards(sensor_paths, frames_paths, flow_paths, class_names=values.classes)
        parts: list[RecordingWindows] = []
        means: list[Rows] = []
        for shard in tqdm(shards, file=sys.stderr, mininterval=5, desc="pack"):
            video = shard.video
            for recording in shard.sensors.recordings:
                stream = video.frames.streams[recording.recording_id] if video else None
                part = cut_windows(
                    recording,
                    seen=stream.seen(values.length_tolerance_s) if stream else None,
                    working_hz=video.frames.working_hz if video else 0.0,
                    length_s=values.window.length_s,
                    stride_s=values.window.stride_s,
                    max_nan_share=values.max_nan_share,
                )
                found = len(part.start_s)
                if values.null_windows == "drop":
                    part = part.only(part.label >= 0)
                means.append(_mean_frames(part, video, recording.recording_id, values.window.length_s))
                parts.append(part)
                log.info("%s: %d windows, %d kept", recording.recording_id, found, len(part.start_s))
                if part.unseen:
                    text = "%s: %d windows of the sensors are left out, as the video has no picture there"
                    log.warning(text, recording.recording_id, part.unseen)
        if not sum(len(part.start_s) for part in parts):
            raise UserError(
                f"dataset {dataset}: no window is left of {len(parts)} recordings; check their annotations and "
                "lengths, the videos' times in the log of `extract_frames`, or set `null_windows: keep`"
            )
        windows = _join(dataset, values, shards, parts, JoinedRows(means), Path(windows_path))
        write_windows(windows_path, windows)
        log.info("wrote %d windows to %s", windows.num_windows, windows_path)


def _mean_frames(part: RecordingWindows, video: ShardVideo | None, recording: str, length_s: float) -> Rows:
    """(N, H, W, 3) u8 each window's mean picture; of no pixels without a video."""
    if video is None:
        return np.empty((len(part.start_s), 0, 0, 3), dtype=np.uint8)
    rgb = rows_of(video.frames.streams[recording].rgb)
    return MeanFrames(rgb, part.first_frame, rows_per_window(length_s, video.frames.working_hz))


def _join(
    dataset: str,
    values: PackSettings,
    shards: Sequence[Shard],
    parts: Sequence[RecordingWindows],
    mean_frame: JoinedRows,
    path: Path,
) -> Windows:
    recordings = [recording for shard in shards for recording in shard.sensors.recordings]
    sensors, videos = shards[0].sensors, [shard.video for shard in shards if shard.video is not None]
    recording = np.repeat(np.arange(len(parts)), [len(part.start_s) for part in parts])
    subject_names = tuple(dict.fromkeys(item.subject for item in recordings))
    subject = np.array([subject_names.index(item.subject) for item in recordings])[recording]
    sensor = JoinedRows([part.sensor for part in parts])
    label = np.concatenate([part.label for part in parts])
    instance = recording
    if values.label_unit == "window":
        offset = np.cumsum([0, *(len(item.annotations) for item in recordings)])[recording]
        annotation = np.concatenate([part.annotation for part in parts])
        instance = np.where(annotation >= 0, offset + annotation, -1)
    truths = [part.location for part in parts if part.location is not None]
    location, location_names, location_source = locate_windows(
        sensor,
        label,
        truth=np.concatenate(truths) if len(truths) == len(parts) else None,
        truth_names=recordings[0].location_names,
        places=sensors.places,
    )
    inputs = {
        f"{role}{index}": artifact.provenance.artifact_id
        for index, shard in enumerate(shards)
        for role, artifact in _artifacts(shard).items()
    }
    return Windows(
        path=path,
        sensor=sensor,
        mean_frame=mean_frame,
        recording=recording.astype(np.int32),
        subject=subject.astype(np.int32),
        start_s=np.concatenate([part.start_s for part in parts]),
        first_frame=np.concatenate([part.first_frame for part in parts]),
        label=label.astype(np.int32),
        instance=instance.astype(np.int32),
        location=location,
        dataset=dataset,
        source=values.source,
        label_unit=values.label_unit,
        class_names=sensors.class_names,
        class_places=tuple(sensors.places.names[place] if place >= 0 else "" for place in sensors.places.of_class),
        class_actions=sensors.class_actions,
        location_names=location_names,
        location_source=location_source,
        channel_names=recordings[0].channel_names,
        channel_units=recordings[0].channel_units,
        recording_names=tuple(item.recording_id for item in recordings),
        subject_names=subject_names,
        sensor_hz=recordings[0].sensor_hz,
        working_hz=videos[0].frames.working_hz if videos else 0.0,
        window_s=values.window.length_s,
        stride_s=values.window.stride_s,
        frames_per_window=rows_per_window(values.window.length_s, videos[0].frames.working_hz) if videos else 0,
        max_nan_share=float(values.max_nan_share),
        flow_method=videos[0].flow.method if videos else NO_FLOW,
        flow_max_px=videos[0].flow.max_px if videos else 0.0,
        streams=tuple(source for shard in shards for source in _sources(shard, path.parent)),
        provenance=make_provenance(
            stage="pack", source=values.source, settings=[to_plain(values), dataset], inputs=inputs
        ),
    )


def _artifacts(shard: Shard) -> dict[str, RecordingFile | FrameFile | FlowFile]:
    found: dict[str, RecordingFile | FrameFile | FlowFile] = {"sensor": shard.sensors}
    if shard.video is not None:
        found |= {"frames": shard.video.frames, "flow": shard.video.flow}
    return found


def _sources(shard: Shard, folder: Path) -> Iterator[StreamSource]:
    """The streams of a shard's recordings, relative to `folder`; none without a video."""
    if (video := shard.video) is None:
        return
    for item in shard.sensors.recordings:
        yield StreamSource(
            item.recording_id,
            os.path.relpath(video.frames.path, folder),
            os.path.relpath(video.flow.path, folder),
            video.frames.streams[item.recording_id].num_frames,
        )
