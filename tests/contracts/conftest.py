import pytest

from tests.fixtures import artifacts


@pytest.fixture
def make_metrics():
    return artifacts.make_metrics
