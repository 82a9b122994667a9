import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch

from detach_core.encoders import torchvision_guard

GUARD = """
import warnings; warnings.simplefilter("ignore")
import torch
from detach_core.encoders.torchvision_guard import import_torchvision
assert import_torchvision() is import_torchvision()
from importlib import import_module
model = import_module("torchvision.models").resnet18(weights=None).eval()
assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 1000)
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision is not installed")
def test_models_of_torchvision_run_beside_this_torch():
    subprocess.run([sys.executable, "-c", GUARD], check=True, timeout=120)


def test_the_two_operators_are_declared_only_after_a_failed_import(monkeypatch):
    calls, declared = [], []

    class Library:
        def __init__(self, *name):
            declared.append(name)

        def define(self, schema):
            declared.append(schema.split("(")[0])

    def import_module(name):
        calls.append(name)
        if len(calls) == 1:
            raise RuntimeError("operator torchvision::nms does not exist")
        return torch

    monkeypatch.setattr(torchvision_guard, "_DECLARED", [])
    monkeypatch.setattr(torchvision_guard.importlib, "import_module", import_module)
    monkeypatch.setattr(torchvision_guard.torch.library, "Library", Library)
    monkeypatch.setitem(sys.modules, "torchvision.half_loaded", torch)
    assert torchvision_guard.import_torchvision() is torch
    assert declared == [("torchvision", "FRAGMENT"), "nms", "qnms"]
    assert "torchvision.half_loaded" not in sys.modules


def test_any_other_failure_is_left_to_be_seen(monkeypatch):
    def import_module(name):
        raise RuntimeError(f"cannot load {name}")

    monkeypatch.setattr(torchvision_guard.importlib, "import_module", import_module)
    with pytest.raises(RuntimeError, match="cannot load"):
        torchvision_guard.import_torchvision()
