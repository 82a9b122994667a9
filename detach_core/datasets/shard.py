"""A shard's three artifacts side by side, and the checks that they belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from detach_core.contracts.frames import FlowFile, FrameFile, read_flow, read_frames
from detach_core.contracts.recording import Recording, RecordingFile, read_recordings
from detach_core.foundation.errors import ContractError


@dataclass(frozen=True)
class Shard:
    """Sensors, frames and flow of the same recordings."""

    sensors: RecordingFile
    frames: FrameFile
    flow: FlowFile


def open_shards(
    sensor_paths: Sequence[Path | str],
    frames_paths: Sequence[Path | str],
    flow_paths: Sequence[Path | str],
    *,
    class_names: Sequence[str],
) -> list[Shard]:
    """The shards of one dataset.

    Raises:
        ContractError: an artifact breaks its contract, lacks a recording, or differs from the others in channels, rates
            or sizes.
    """
    shards = []
    first: Shard | None = None
    for paths in zip(sensor_paths, frames_paths, flow_paths, strict=True):
        shard = Shard(read_recordings(paths[0]), read_frames(paths[1]), read_flow(paths[2]))
        first = first or shard
        _require_equal(paths[0], "ingest", "class names", shard.sensors.class_names, tuple(class_names))
        _require_equal(paths[1], "extract_frames", "grid", _grid(shard.frames), _grid(first.frames))
        _require_equal(paths[2], "flow", "grid", _grid(shard.flow), _grid(first.frames))
        _require_equal(paths[2], "flow", "max_px", shard.flow.max_px, first.flow.max_px)
        for recording in shard.sensors.recordings:
            reference = first.sensors.recordings[0]
            name = recording.recording_id
            _require_equal(paths[0], "ingest", f"{name}: channels", _channels(recording), _channels(reference))
            _require_equal(paths[1], "extract_frames", "recordings", name in shard.frames.streams, True)
            rows = len(shard.flow.streams.get(name, ()))
            _require_equal(paths[2], "flow", f"{name}: rows", rows, shard.frames.streams[name].num_frames)
        shards.append(shard)
    return shards


def _grid(artifact: FrameFile | FlowFile) -> tuple[float, tuple[int, int]]:
    return artifact.working_hz, artifact.image_px


def _channels(recording: Recording) -> tuple[float, tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    return recording.sensor_hz, recording.channel_names, recording.channel_units, recording.location_names


def _require_equal(path: Path | str, rule: str, field: str, found: object, expected: object) -> None:
    if found != expected:
        remedy = f"rerun the rule `{rule}` (snakemake --forcerun {rule})"
        raise ContractError(path, field, expected=str(expected)[:200], found=str(found)[:200], remedy=remedy)
