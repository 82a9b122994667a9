"""Training steps whose rows two processes share, against one process, each process on one thread, in one run.

    ./run python benchmarks/shared_training.py [--steps 20] [--processes 2]

A step cuts 128 windows of ten 64 x 48 frames from streams, decodes differences and flow, runs the demo's temporal
video encoder on them and contrasts the features of the whole batch. Only the encoder's rows are shared out, so the
ratio stays below the number of processes. Both ways are run twice in turn.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

import torch
from torch import Tensor, nn

from detach_core.encoders.video_networks import TemporalCnn3d
from detach_core.losses import info_nce
from detach_core.training.batches import ByteStream, channels_first, decode_differences, decode_flow, join_motion
from detach_core.training.processes import joined, keep_freed_memory

BATCH, FRAMES, HEIGHT, WIDTH, LENGTH, DIM = 128, 10, 48, 64, 2000, 64


class Contrast(nn.Module):
    """A minimal method: an encoder contrasted with fixed partners."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = TemporalCnn3d(dim=DIM, size="small")
        self.row_networks = [self.encoder]
        self.partner: Tensor
        self.register_buffer("partner", torch.randn(BATCH, DIM))

    def losses(self, motion: Tensor) -> dict[str, Tensor]:
        """Plain InfoNCE."""
        return {"contrastive": info_nce(self.encoder(motion), self.partner, 0.1)}


def seconds_per_step(steps: int) -> float:
    """Wall-clock seconds of a step in this process, on one thread."""
    torch.set_num_threads(1)
    keep_freed_memory()
    draws = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    size = (LENGTH, HEIGHT, WIDTH)
    rgb = ByteStream(torch.randint(0, 256, (*size, 3), generator=draws, dtype=torch.uint8))
    flow = ByteStream(torch.randint(-127, 128, (*size, 2), generator=draws, dtype=torch.int8))
    with joined("cpu", int(os.environ["WORLD_SIZE"])) as processes:
        method = Contrast()
        optimizer = torch.optim.AdamW(method.parameters())
        processes.share_rows(method)  # type: ignore[arg-type]
        losses = processes.share(method)  # type: ignore[arg-type]
        began = 0.0
        for step in range(steps + 3):
            if step == 3:
                began = time.perf_counter()
            first = torch.randint(0, LENGTH - FRAMES, (BATCH,), generator=draws)
            differences = decode_differences(rgb.gather(first, FRAMES))
            motion = join_motion(differences, decode_flow(flow.gather(first, FRAMES), 16.0))
            optimizer.zero_grad(set_to_none=True)
            losses(channels_first(motion))["contrastive"].backward()  # type: ignore[arg-type, no-untyped-call]
            optimizer.step()
        return (time.perf_counter() - began) / steps


def main() -> None:
    """Measure both variants and print the ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        seconds = seconds_per_step(options.steps)
        if os.environ["RANK"] == "0":
            print(seconds)
        return
    taken: dict[int, list[float]] = {1: [], options.processes: []}
    for count in (1, options.processes) * 2:
        agent = [sys.executable, "-m", "detach_core.training.processes", "--standalone", "--nproc-per-node", str(count)]
        command = [*agent, __file__, "--worker", "--steps", str(options.steps)]
        taken[count].append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    one, shared = min(taken[1]), min(taken[options.processes])
    print(
        f"ms per step: one process {one * 1e3:.0f}, {options.processes} processes {shared * 1e3:.0f};"
        f" ratio {one / shared:.2f}"
    )


if __name__ == "__main__":
    main()
