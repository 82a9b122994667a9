"""Fixtures of the commands."""

from pathlib import Path

import pytest

from tests.fixtures.recognizers import run_folder
from tests.fixtures.toy_home import home, one_thread, split, toy, windows

__all__ = ["home", "one_thread", "run_folder", "split", "toy", "windows"]  # fixtures


@pytest.fixture
def root():
    """The checkout."""
    return Path(__file__).resolve().parents[2]
