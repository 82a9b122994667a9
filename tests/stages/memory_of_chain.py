"""Peak memory of one recording's way to a split: `python -m tests.stages.memory_of_chain FOLDER DATASET MINUTES CLOCK`.

Writes the native files of a recording so long, with a picture of a few pixels, and prints a line of JSON: what the
process had taken at most, in bytes, after each of the stages ingest, pack and split.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import numpy as np

from detach_core.contracts.frames import create_flow, create_frames
from detach_core.contracts.provenance import make_provenance
from detach_core.stages.ingest import ingest
from detach_core.stages.pack import pack
from detach_core.stages.split import split
from tests.fixtures.native_files import (
    GESTURES,
    HWU_HEADER,
    HwuFolder,
    OpportunityFolder,
    opportunity_lines,
    stage_settings,
)

IMAGE_PX = (8, 6)
NAMES = {"opportunity": ("S1-Drill", "Open Fridge"), "hwu_usp": ("tea_s01", "tea")}


def keep_sample(clock, row):
    """An uneven clock lacks a few samples each minute."""
    return clock == "even" or row % 1500 >= 5


def write_opportunity(folder, minutes, clock):
    lines = [line.split(" ", 1)[1] for line in opportunity_lines(12, gestures=GESTURES)]
    with folder.sensor_path().open("w") as file:
        for row in range(minutes * 60 * 30):
            if keep_sample(clock, row):
                file.write(f"{int(row * 1000 / 30 + 0.5)} {lines[row % len(lines)]}\n")


def write_hwu(folder, minutes, clock):
    with folder.sensor_path().open("w") as file:
        file.write(HWU_HEADER + "\n")
        for row in range(minutes * 60 * 50):
            if keep_sample(clock, row):
                state = "OPEN" if row % 300 > 200 else "CLOSED"
                file.write(f"{1000 + row / 50:.3f},0,0,0,{state},ON,OFF,0,0,0,0,12.5\n")


def write_pictures(folder, recording, minutes, provenance):
    common = {"working_hz": 5, "image_px": IMAGE_PX, "provenance": provenance}
    num_frames = minutes * 60 * 5
    with create_frames(folder / "frames.h5", **common) as writer:
        for dataset in writer.add_recording(recording, num_frames=num_frames, video="none.mp4"):
            dataset[...] = np.full(dataset.shape, 7, np.uint8)
    with create_flow(folder / "flow.h5", max_px=16, method="dis", **common) as writer:
        dataset = writer.add_recording(recording, num_frames=num_frames)
        dataset[...] = np.ones(dataset.shape, np.int8)


def main(folder, dataset, minutes, clock):
    recording, label = NAMES[dataset]
    native = (OpportunityFolder if dataset == "opportunity" else HwuFolder)(folder / dataset)
    for path in (native.sensor_path(), native.video_path()):
        path.parent.mkdir(parents=True, exist_ok=True)
    native.video_path().touch()
    (write_opportunity if dataset == "opportunity" else write_hwu)(native, minutes, clock)
    write_pictures(folder, recording, minutes, make_provenance(stage="test", source="simulated", settings={}))
    log_path, changes = folder / "stage.log", {"null_windows": "keep", "source": "local"}
    settings = {
        stage: stage_settings(stage, dataset, native.native, [label], **changes) for stage in ("ingest", "pack")
    }
    paths = {f"{role}_paths": [folder / f"{role}.h5"] for role in ("sensor", "frames", "flow")}
    windows_path = folder / "windows.h5"
    parts = {
        "name": "default",
        "seed": 0,
        "hold_out": "nothing",
        "held_out": [],
        "pretrain": 0.5,
        "folds": 3,
        "fold_draws": 1,
    }
    stages = (
        lambda: ingest(
            dataset=dataset,
            settings=settings["ingest"],
            recordings=[recording],
            root_path=native.root,
            sensor_path=folder / "sensor.h5",
            log_path=log_path,
        ),
        lambda: pack(dataset=dataset, settings=settings["pack"], windows_path=windows_path, log_path=log_path, **paths),
        lambda: split(
            settings=json.dumps(parts | {"activation_quantile": 0.99}),
            windows_path=windows_path,
            split_path=folder / "split.json",
            log_path=log_path,
        ),
    )
    peaks = []
    for stage in stages:
        stage()
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    sys.stdout.write(json.dumps(peaks) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])
