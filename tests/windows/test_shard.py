from __future__ import annotations

import numpy as np
import pytest

from detach_core.contracts.frames import create_flow, create_frames
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.recording import Places, Recording, write_recordings
from detach_core.foundation.errors import ContractError
from detach_core.windows.packing import open_shards

PROVENANCE = make_provenance(stage="test", source="simulated", settings={})


def make_recording(name="S1-Drill", channels=("a",)):
    return Recording(
        recording_id=name,
        subject="S1",
        sensor=np.zeros((60, len(channels)), np.float32),
        time_s=np.arange(60) / 10,
        sensor_hz=10.0,
        channel_names=channels,
        channel_units=("g",) * len(channels),
        annotations=(),
        video_path=None,
        video_hz=10.0,
    )


@pytest.fixture
def make_shard(tmp_path):
    def make(
        name="shard0", *, recordings=("S1-Drill",), channels=("a",), frames=30, flow_rows=30, working_hz=5, max_px=16
    ):
        folder = tmp_path / name
        write_recordings(
            folder / "sensor.h5",
            [make_recording(recording, channels) for recording in recordings],
            dataset="opportunity",
            class_names=["Open Fridge"],
            class_actions=["Open"],
            places=Places(("Fridge",), (0,), ((0,),)),
            provenance=PROVENANCE,
        )
        with create_frames(
            folder / "frames.h5", working_hz=working_hz, image_px=(4, 3), provenance=PROVENANCE
        ) as writer:
            for dataset in writer.add_recording("S1-Drill", num_frames=frames, video="S1-Drill.mp4"):
                dataset[...] = 0
        with create_flow(
            folder / "flow.h5",
            max_px=max_px,
            working_hz=working_hz,
            image_px=(4, 3),
            method="dis",
            provenance=PROVENANCE,
        ) as writer:
            writer.add_recording("S1-Drill", num_frames=flow_rows)[...] = 0
        return [folder / "sensor.h5"], [folder / "frames.h5"], [folder / "flow.h5"]

    return make


def test_artifacts_that_belong_together_open(make_shard):
    (shard,) = open_shards(*make_shard(), class_names=["Open Fridge"])
    assert shard.video.frames.streams["S1-Drill"].num_frames == 30


def test_sensors_open_without_any_video(make_shard):
    sensors, _, _ = make_shard()
    (shard,) = open_shards(sensors, [], [], class_names=["Open Fridge"])
    assert (shard.video, [one.recording_id for one in shard.sensors.recordings]) == (None, ["S1-Drill"])


@pytest.mark.parametrize(
    ("changes", "file", "field"),
    [
        ({"recordings": ("S1-Drill", "S1-ADL1")}, "frames.h5", "recordings"),
        ({"flow_rows": 29}, "flow.h5", "rows"),
    ],
)
def test_artifacts_of_different_recordings_are_refused(make_shard, changes, file, field):
    with pytest.raises(ContractError, match=rf"{file}: .*{field}"):
        open_shards(*make_shard(**changes), class_names=["Open Fridge"])


@pytest.mark.parametrize(
    ("changes", "field"), [({"channels": ("b",)}, "channels"), ({"working_hz": 10}, "grid"), ({"max_px": 8}, "max_px")]
)
def test_shards_that_differ_are_refused(make_shard, changes, field):
    first, second = make_shard(), make_shard("shard1", **changes)
    with pytest.raises(ContractError, match=field):
        open_shards(*(a + b for a, b in zip(first, second, strict=True)), class_names=["Open Fridge"])


def test_sensors_read_with_other_classes_are_refused(make_shard):
    with pytest.raises(ContractError, match=r"class names.*rerun the rule `ingest`"):
        open_shards(*make_shard(), class_names=["Close Fridge"])
