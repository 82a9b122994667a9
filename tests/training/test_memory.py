import ctypes
import subprocess
import sys

import pytest

from detach_core.training import memory
from detach_core.training.memory import keep_freed_memory

SCRIPT = """
import resource, sys, numpy as np
from detach_core.training.memory import keep_freed_memory
if sys.argv[1] == "keep" and not keep_freed_memory():
    sys.exit(3)
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(8_000_000)
before = faults()
for _ in range(10):
    np.ones(8_000_000)
print(faults() - before)
"""


def page_faults(how: str) -> int:
    """Of ten large blocks, taken and freed one after the other."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, how], capture_output=True, text=True)
    if done.returncode == 3:
        pytest.skip("the C library has no mallopt")
    return int(done.stdout)


def test_large_blocks_are_not_mapped_anew():
    # Huge pages may make the ordinary way cheap as well; kept memory costs next to nothing in any case.
    assert page_faults("keep") <= min(page_faults("ordinary"), 200)


def test_a_c_library_without_the_switch_is_no_error(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: ctypes)
    assert keep_freed_memory() is False
