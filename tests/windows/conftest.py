import pytest

from tests.fixtures import artifacts


@pytest.fixture
def make_windows():
    return artifacts.make_windows
