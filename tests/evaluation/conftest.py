import runpy
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_limits

HAND_MADE = runpy.run_path(str(Path(__file__).parents[1] / "hand_made.py"))
_TOY = runpy.run_path(str(Path(__file__).parents[1] / "training" / "conftest.py"))

# The toy home of tests/training serves the analyses of trained networks too.
toy = _TOY["toy"]
home = _TOY["home"]
windows = _TOY["windows"]
split = _TOY["split"]
make_resident = _TOY["make_resident"]
resident = _TOY["resident"]


@pytest.fixture(autouse=True)
def one_thread():
    """The problems here are small: several threads would spend their time waiting for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(threads)


@pytest.fixture
def make_windows():
    return HAND_MADE["make_windows"]


@pytest.fixture
def make_metrics():
    return HAND_MADE["make_metrics"]
