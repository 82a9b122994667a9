from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHORT_MIN, LONG_MIN = 10, 40
# Holding the sensors took 34 and 51 MB more for the longer recording at ingest, and 73 to 146 MB by the split.
BOUND_BYTES = 15 << 20


def peaks(folder, dataset, minutes):
    """The most that the process had taken after each stage, in bytes."""
    folder.mkdir()
    command = [sys.executable, "-m", "tests.stages.memory_of_chain", str(folder), dataset, str(minutes), "uneven"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return dict(zip(("ingest", "pack", "split"), json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("dataset", ["opportunity", "hwu_usp"])
def test_memory_does_not_grow_with_a_recordings_length(dataset, tmp_path):
    short, long = (peaks(tmp_path / str(minutes), dataset, minutes) for minutes in (SHORT_MIN, LONG_MIN))
    grown = {stage: long[stage] - short[stage] for stage in short if long[stage] - short[stage] > BOUND_BYTES}
    assert grown == {}
