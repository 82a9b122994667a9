"""The toy home of tests/training and the default configuration of tests/config serve the methods too."""

import runpy
from pathlib import Path

import pytest
import torch

_TOY = runpy.run_path(str(Path(__file__).resolve().parents[1] / "training" / "conftest.py"))

_CONFIG = runpy.run_path(str(Path(__file__).resolve().parents[1] / "config" / "conftest.py"))

data, set_key, mistakes = _CONFIG["data"], _CONFIG["set_key"], _CONFIG["mistakes"]
one_thread = _TOY["one_thread"]
toy = _TOY["toy"]
home = _TOY["home"]
sequence_home = _TOY["sequence_home"]
windows = _TOY["windows"]
split = _TOY["split"]
make_resident = _TOY["make_resident"]
resident = _TOY["resident"]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
