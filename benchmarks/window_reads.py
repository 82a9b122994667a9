"""Random windows: this project's memory-mapped streams against gzip-packed windows with float32 flow, in one run.

    ./run python benchmarks/window_reads.py [--frames 1000] [--grid 112 112]

Both files lie in the page cache. Figures are windows per CPU-second of one thread, copied into a batch.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import numpy as np
from scene import scene

from detach_core.contracts.frames import compand, create_flow, create_frames, flow_table
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.windows import StreamSource, open_streams
from detach_core.signals.motion import consecutive_flow, flow_function

WINDOW, STRIDE, MAX_PX = 20, 10, 16.0
PROVENANCE = make_provenance(stage="benchmark", source="simulated", settings={})


def windows_per_second(read: Callable[[int], None], batch: np.ndarray, repeats: int) -> float:
    """Windows per CPU-second."""
    for window in batch[:4]:
        read(int(window))
    began = time.process_time()
    for _ in range(repeats):
        for window in batch:
            read(int(window))
    return repeats * len(batch) / (time.process_time() - began)


def main() -> None:
    """Write both files, read both, print the ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--grid", type=int, nargs=2, default=[112, 112])
    options = parser.parse_args()
    cv2.setNumThreads(1)
    width, height = options.grid
    large = np.stack(list(scene(options.frames, size=(2 * width, 2 * height))))
    rgb = np.stack([cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) for picture in large])
    luma = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in large])
    function = flow_function("dis", preset="ultrafast", luma_px=(2 * width, 2 * height))
    flow = np.stack([compand(motion, MAX_PX) for motion in consecutive_flow(luma, function)])
    starts = np.arange(0, options.frames - WINDOW + 1, STRIDE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with create_frames(
            folder / "frames.h5", working_hz=10, image_px=(width, height), provenance=PROVENANCE
        ) as writer:
            stored, grey = writer.add_recording("S1", num_frames=options.frames, video="")
            stored[...], grey[...] = rgb, luma
        with create_flow(
            folder / "flow.h5", max_px=MAX_PX, working_hz=10, image_px=(width, height), method="", provenance=PROVENANCE
        ) as flows:
            flows.add_recording("S1", num_frames=options.frames)[...] = flow
        exact = flow_table(MAX_PX)[flow.astype(np.int16) + 128]
        with h5py.File(folder / "packed.h5", "w") as file:
            for key, values in (("rgb", rgb), ("flow", exact)):
                shape = (len(starts), WINDOW, *values.shape[1:])
                packed = file.create_dataset(
                    key, shape, values.dtype, chunks=(1, *shape[1:]), compression="gzip", compression_opts=4
                )
                for window, start in enumerate(starts):
                    packed[window] = values[start : start + WINDOW]
        batch = np.random.default_rng(0).permutation(len(starts))
        batch_rgb = np.empty((256, WINDOW, height, width, 3), np.uint8)
        batch_flow = np.empty((256, WINDOW, height, width, 2), np.int8)
        batch_exact = np.empty((256, WINDOW, height, width, 2), np.float32)
        ((frames, motion),) = open_streams(folder, [StreamSource("S1", "frames.h5", "flow.h5", options.frames)])

        def mapped(window: int) -> None:
            first = starts[window]
            batch_rgb[window % 256] = frames[first : first + WINDOW]
            batch_flow[window % 256] = motion[first : first + WINDOW]

        def copied(window: int) -> None:
            first = starts[window]
            batch_rgb[window % 256] = rgb[first : first + WINDOW]
            batch_flow[window % 256] = flow[first : first + WINDOW]

        with h5py.File(folder / "packed.h5") as file:

            def packed_windows(window: int) -> None:
                file["rgb"].read_direct(batch_rgb, np.s_[window], np.s_[window % 256])
                file["flow"].read_direct(batch_exact, np.s_[window], np.s_[window % 256])

            slow = windows_per_second(packed_windows, batch, 1)
        fast = windows_per_second(mapped, batch, 20)
        limit = windows_per_second(copied, batch, 20)
    print(
        f"{WINDOW} frames of {width}x{height}: gzip-packed {slow:.0f}, ours {fast:.0f}, copy in memory {limit:.0f} "
        f"windows/CPU-s; ratio {fast / slow:.1f}"
    )


if __name__ == "__main__":
    main()
