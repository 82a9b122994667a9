"""Where training runs: the device, its threads and its determinism."""

from __future__ import annotations

import torch

from detach_core.foundation.errors import UserError
from detach_core.training.memory import keep_freed_memory


def choose_device(name: str) -> torch.device:
    """The device of `auto | cpu | cuda`; `auto` takes the GPU where there is one. Every stage with torch comes by here.

    From then on this process computes in float32 where that is asked for, also on a GPU: TF32, which keeps 10 of the
    mantissa's 23 bits and which convolutions use unless told otherwise, is off.

    Raises:
        UserError: `cuda` on a machine without it, or another name.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise UserError(f"device: expected auto, cpu or cuda, got {name!r}")
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UserError("device: cuda was asked for but this machine offers none to torch; set `device: auto` or `cpu`")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def prepare(device: torch.device, *, threads: int) -> str:
    """Fix threads and determinism for this process; returns the device in words, for the log and the history.

    On the CPU every operation is deterministic: the thread count is the config's, never the machine's, because another
    count sums in another order.
    """
    torch.set_num_threads(threads)
    keep_freed_memory()
    if device.type == "cpu":
        # Torch's own switch for determinism is for GPUs, and it imports the whole compiler: seconds in every job.
        return f"cpu, {threads} thread{'s' if threads > 1 else ''}"
    return torch.cuda.get_device_name(device)
