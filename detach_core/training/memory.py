"""Keep memory that a step frees, for the next step.

A batch of video is tens of megabytes. The C library hands blocks of that size back to the system at once, so that every
step has them mapped and zeroed anew, page by page.
"""

from __future__ import annotations

import ctypes

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
