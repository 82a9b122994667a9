"""Training steps on video with freed memory kept, against the C library's default, in one run.

    ./run python benchmarks/training_memory.py [--steps 60]

A step cuts 64 windows of ten 64 x 48 frames from streams, decodes differences and flow and trains the demo's temporal
video encoder on them; each way has a process of its own, and both are run twice in turn.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

import torch

from detach_core.encoders.video_networks import TemporalCnn3d
from detach_core.training.batches import ByteStream, channels_first, decode_differences, decode_flow, join_motion
from detach_core.training.processes import keep_freed_memory

BATCH, FRAMES, HEIGHT, WIDTH, LENGTH = 64, 10, 48, 64, 2000


def seconds_per_step(steps: int) -> float:
    """Wall-clock seconds of a step in this process, on one thread."""
    torch.set_num_threads(1)
    draws = torch.Generator().manual_seed(0)
    size = (LENGTH, HEIGHT, WIDTH)
    rgb = ByteStream(torch.randint(0, 256, (*size, 3), generator=draws, dtype=torch.uint8))
    flow = ByteStream(torch.randint(-127, 128, (*size, 2), generator=draws, dtype=torch.int8))
    encoder = TemporalCnn3d(dim=64, size="small")
    optimizer = torch.optim.AdamW(encoder.parameters())
    began = 0.0
    for step in range(steps + 3):
        if step == 3:
            began = time.perf_counter()
        first = torch.randint(0, LENGTH - FRAMES, (BATCH,), generator=draws)
        differences = decode_differences(rgb.gather(first, FRAMES))
        motion = join_motion(differences, decode_flow(flow.gather(first, FRAMES), 16.0))
        loss = encoder(channels_first(motion)).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return (time.perf_counter() - began) / steps


def main() -> None:
    """Measure both variants and print the ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--way", choices=["ordinary", "kept"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        if options.way == "kept" and not keep_freed_memory():
            sys.exit("this C library has no option to keep freed memory")
        print(seconds_per_step(options.steps))
        return
    taken: dict[str, list[float]] = {"ordinary": [], "kept": []}
    for way in ("ordinary", "kept") * 2:
        command = [sys.executable, __file__, "--way", way, "--steps", str(options.steps)]
        taken[way].append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    ordinary, kept = min(taken["ordinary"]), min(taken["kept"])
    print(f"ms per step: ordinary {ordinary * 1e3:.1f}, kept {kept * 1e3:.1f}; ratio {ordinary / kept:.2f}")


if __name__ == "__main__":
    main()
