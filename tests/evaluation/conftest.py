import pytest
import torch
from threadpoolctl import threadpool_limits

from tests.fixtures import artifacts
from tests.fixtures.toy_home import home, make_resident, resident, split, toy, windows

__all__ = ["home", "make_resident", "resident", "split", "toy", "windows"]


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
    return artifacts.make_windows


@pytest.fixture
def make_metrics():
    return artifacts.make_metrics
