import runpy
from pathlib import Path

import pytest

HAND_MADE = runpy.run_path(str(Path(__file__).parents[1] / "hand_made.py"))


@pytest.fixture
def make_windows():
    return HAND_MADE["make_windows"]


@pytest.fixture
def make_metrics():
    return HAND_MADE["make_metrics"]
