"""Video to windows: this project's stages against a straightforward chain, measured in one run on one core.

    ./run python benchmarks/ingest.py [--seconds 20] [--grid 112 112] [--presets ultrafast fast]

The obvious chain: OpenCV reads, full-size JPEG files, read again, resize, Farneback, one .npy file a frame, windows in
HDF5 with gzip and float32 flow. Ours: the stages extract_frames, flow and pack. Both keep every frame. Figures are
native frames per CPU-second, so that other work on the machine disturbs them little.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import av
import cv2
import h5py
import numpy as np
from scene import write_scene

from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.recording import Annotation, Places, Recording, write_recordings
from detach_core.datasets.opportunity.settings import OpportunityNative
from detach_core.datasets.registry import (
    ExtractFramesSettings,
    FlowSettings,
    FlowStageSettings,
    PackSettings,
    VideoSettings,
    WindowSettings,
)
from detach_core.settings.base import to_plain
from detach_core.stages.extract_frames import extract_frames
from detach_core.stages.flow import flow
from detach_core.stages.pack import pack

LENGTH_S, STRIDE_S, SENSOR_HZ = 2.0, 1.0, 30.0


def obvious(video: Path, folder: Path, *, hz: int, grid: tuple[int, int]) -> None:
    """The straightforward chain."""
    capture = cv2.VideoCapture(str(video))
    count = 0
    while True:
        there, picture = capture.read()
        if not there:
            break
        cv2.imwrite(str(folder / f"{count:06d}.jpg"), picture)
        count += 1
    before = None
    for number in range(count):
        kept = cv2.imread(str(folder / f"{number:06d}.jpg"))
        assert kept is not None
        small = cv2.resize(kept, grid, interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        motion = np.zeros((*grey.shape, 2), np.float32)
        if before is not None:
            motion = cv2.calcOpticalFlowFarneback(before, grey, None, 0.5, 3, 15, 3, 5, 1.2, 0)  # type: ignore[call-overload]
        np.save(folder / f"{number:06d}_rgb.npy", small[..., ::-1])
        np.save(folder / f"{number:06d}_flow.npy", motion)
        before = grey
    length, stride = round(LENGTH_S * hz), round(STRIDE_S * hz)
    starts = range(0, count - length + 1, stride)
    with h5py.File(folder / "windows.h5", "w") as file:
        shape = (len(starts), length, grid[1], grid[0])
        for name, depth, dtype in (("rgb", 3, "u1"), ("flow", 2, "f4")):
            windows = file.create_dataset(
                name, (*shape, depth), dtype, chunks=(1, *shape[1:], depth), compression="gzip", compression_opts=4
            )
            for window, start in enumerate(starts):
                windows[window] = [np.load(folder / f"{start + k:06d}_{name}.npy") for k in range(length)]


def ours(
    video: Path,
    folder: Path,
    *,
    hz: int,
    grid: tuple[int, int],
    preset: Literal["ultrafast", "fast", "medium"],
    num_frames: int,
) -> None:
    """The project's stages."""
    native = OpportunityNative(
        sensor_hz=SENSOR_HZ,
        video_hz=hz,
        sensor_glob=("**/{recording}.dat",),
        video_glob=("**/{recording}.mp4",),
        annotation_glob=("**/{recording}.srt",),
    )
    video_settings = VideoSettings(working_hz=hz, image_px=grid)
    to_frames = ExtractFramesSettings(source="local", adapter="opportunity", native=native, video=video_settings)
    to_flow = FlowStageSettings(source="local", flow=FlowSettings(preset=preset))
    to_windows = PackSettings(
        source="local",
        classes=("Open Fridge",),
        label_unit="window",
        null_windows="keep",
        window=WindowSettings(LENGTH_S, STRIDE_S),
        max_nan_share=0.5,
        length_tolerance_s=1.0,
    )
    paths = {name: folder / f"{name}.h5" for name in ("sensor", "frames", "flow", "windows")}
    log_path = folder / "log"
    count = round(num_frames / hz * SENSOR_HZ)
    recording = Recording(
        "S1-Drill", "S1", np.zeros((count, 34), np.float32), np.arange(count) / SENSOR_HZ, SENSOR_HZ,
        tuple(f"channel {k}" for k in range(34)), ("g",) * 34, (Annotation(0, 5, 0),), None, hz,
    )  # fmt: skip
    write_recordings(
        paths["sensor"],
        [recording],
        dataset="opportunity",
        class_names=["Open Fridge"],
        class_actions=["Open"],
        places=Places((), (-1,), ()),
        provenance=make_provenance(stage="ingest", source="local", settings={}),
    )
    extract_frames(
        dataset="opportunity",
        settings=json.dumps(to_plain(to_frames)),
        recordings=["S1-Drill"],
        root_path=video.parent,
        frames_path=paths["frames"],
        log_path=log_path,
    )
    flow(
        settings=json.dumps(to_plain(to_flow)), frames_path=paths["frames"], flow_path=paths["flow"], log_path=log_path
    )
    pack(
        dataset="opportunity",
        settings=json.dumps(to_plain(to_windows)),
        sensor_paths=[paths["sensor"]],
        frames_paths=[paths["frames"]],
        flow_paths=[paths["flow"]],
        windows_path=paths["windows"],
        log_path=log_path,
    )


def decode(video: Path) -> None:
    """Decoding alone, a lower bound for any chain."""
    with av.open(str(video)) as container:
        container.streams.video[0].thread_count = 1
        for _ in container.decode(video=0):
            pass


def frames_per_second(action: Callable[[Path], None], num_frames: int) -> float:
    """Native frames per CPU-second of `action`, which gets an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        action(Path(folder))
        return num_frames / (time.process_time() - began)


def main() -> None:
    """Measure both codecs and print a line each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--grid", type=int, nargs=2, default=[112, 112])
    parser.add_argument("--presets", nargs="+", default=["ultrafast", "fast"])
    options = parser.parse_args()
    logging.disable(logging.INFO)
    cv2.setNumThreads(1)
    grid = (options.grid[0], options.grid[1])
    with tempfile.TemporaryDirectory() as folder:
        for codec, hz in (("libx264", 25), ("mpeg4", 10)):
            video = Path(folder) / codec / "S1-Drill.mp4"
            num_frames = options.seconds * hz
            write_scene(video, num_frames=num_frames, hz=hz, codec=codec)
            video.with_suffix(".dat").touch()
            limit = frames_per_second(lambda _: decode(video), num_frames)  # noqa: B023
            chains: dict[str, Callable[[Path], None]] = {"obvious": partial(obvious, video, hz=hz, grid=grid)}
            for preset in options.presets:
                chains[preset] = partial(ours, video, hz=hz, grid=grid, preset=preset, num_frames=num_frames)
            # Interleaved and repeated: the machine's speed wanders.
            speeds: dict[str, list[float]] = {name: [] for name in chains}
            for _ in range(3):
                for name, chain in chains.items():
                    speeds[name].append(frames_per_second(chain, num_frames))
            middle = {name: float(np.median(values)) for name, values in speeds.items()}
            print(f"{codec} 640x480 {hz} fps -> {grid[0]}x{grid[1]}: decode alone {limit:.0f} frames/CPU-s")
            for name, speed in middle.items():
                print(f"  {name}: {speed:.0f} frames/CPU-s, ratio {speed / middle['obvious']:.1f}")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
