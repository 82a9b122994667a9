"""Device of a training: its threads, its determinism and the memory that it keeps.

A batch of video is tens of megabytes. The C library hands blocks of that size back to the system at once, so that every
step has them mapped and zeroed anew, page by page; here memory that a step frees is kept for the next one.
"""

from __future__ import annotations

import ctypes

import torch

from detach_core.foundation.errors import UserError

# From glibc's malloc.h: from how much free memory at the top on it is handed back; how many blocks are mapped singly.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4

_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let this process keep what it frees; False where the C library has no such switch. No figure depends on it."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(_TRIM_THRESHOLD, _NEVER) and mallopt(_MMAP_MAX, 0))


def choose_device(name: str) -> torch.device:
    """The device of `auto | cpu | cuda`; `auto` takes the GPU where there is one. Called by every stage with torch.

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
