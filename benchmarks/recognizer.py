"""A recogniser's size, its latency on one core, and its memory over a million rows.

    ./run python benchmarks/recognizer.py results/opportunity/default/best/seed0 [--rows 1000000] [--smooth]

Rows are drawn as they are needed: noise at the scale of the channels does not matter to time or memory.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import psutil

from detach_core.contracts.recognizer import DESCRIPTION, GRAPH, WEIGHTS
from detach_core.recognition.recognizer import Recognizer

CHUNK = 1000


def resident_mb() -> float:
    """Memory of this process (MB)."""
    return float(psutil.Process().memory_info().rss) / 1e6


def latency_ms(recognizer: Recognizer, count: int) -> tuple[float, float]:
    """Median and 99th percentile of a window's time in the graph (CPU ms of one thread)."""
    form = recognizer.description
    windows = np.random.default_rng(0).normal(size=(count, len(form.channels), form.length)).astype(np.float32)
    recognizer.probabilities(windows[:20])
    times = []
    for window in windows:
        began = time.process_time()
        recognizer.probabilities(window[None])
        times.append(1e3 * (time.process_time() - began))
    return float(np.median(times)), float(np.quantile(times, 0.99))


def main() -> None:
    """Print the three."""
    parser = argparse.ArgumentParser()
    parser.add_argument("recognizer", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--smooth", action="store_true")
    options = parser.parse_args()
    folder = options.recognizer / "recognizer" if (options.recognizer / "recognizer").is_dir() else options.recognizer
    for name in (DESCRIPTION, GRAPH, WEIGHTS):
        print(f"{name}: {(folder / name).stat().st_size / 1e6:.2f} MB")
    recognizer = Recognizer.load(folder, smoothing=options.smooth)
    form = recognizer.description
    print(f"{len(form.channels)} channels, {len(form.classes)} classes, windows of {form.length} samples")
    print("latency in the graph, median and 99 %: {:.2f} and {:.2f} ms".format(*latency_ms(recognizer, 2000)))
    stream, rng, count = recognizer.stream(), np.random.default_rng(1), 0
    began, first, largest = time.process_time(), 0.0, 0.0
    for row in range(0, options.rows, CHUNK):
        times = np.arange(row, row + CHUNK) / form.rate_hz
        count += len(stream.push(rng.normal(size=(CHUNK, len(form.channels))), times))
        largest = max(largest, resident_mb())
        if row == options.rows // 10 // CHUNK * CHUNK:
            first = largest
    seconds = time.process_time() - began
    print(f"{options.rows} rows: {count} windows, {1e3 * seconds / count:.2f} ms each with cutting")
    print(f"memory: {first:.0f} MB at most after a tenth of the rows, {largest:.0f} MB after all")


if __name__ == "__main__":
    main()
