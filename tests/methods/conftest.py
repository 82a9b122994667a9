"""Fixtures of the toy home and of the default configuration."""

import pytest
import torch

from tests.fixtures.configuration import data, mistakes, set_key
from tests.fixtures.toy_home import home, make_resident, one_thread, resident, sequence_home, split, toy, windows

__all__ = ["data", "mistakes", "set_key"]
__all__ += ["home", "make_resident", "one_thread", "resident", "sequence_home", "split", "toy", "windows"]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
