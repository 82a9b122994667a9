"""Fixtures of the commands."""

from pathlib import Path

import pytest


@pytest.fixture
def root():
    """The checkout."""
    return Path(__file__).resolve().parents[2]
