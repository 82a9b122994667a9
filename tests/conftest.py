"""What all tests share: which markers this machine cannot serve, and why."""

import importlib.util
import os
import shutil

import pytest


def cannot_run():
    """Marker -> why this machine cannot run its tests; absent where it can."""
    reasons = {}
    if not has_cuda():
        reasons["gpu"] = "no CUDA device here"
    if not (shutil.which("slurmctld") and shutil.which("munged") and os.geteuid() == 0):
        reasons["slurm"] = "no Slurm of its own here (needs slurm-wlm, munge and root)"
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        reasons["browser"] = "no headless Chromium here"
    return reasons


def has_cuda():
    if importlib.util.find_spec("torch") is None or shutil.which("nvidia-smi") is None:
        return False
    import torch

    return torch.cuda.is_available()


def pytest_collection_modifyitems(items):
    reasons = cannot_run()
    for item in items:
        for marker in item.iter_markers():
            if marker.name in reasons:
                item.add_marker(pytest.mark.skip(reason=reasons[marker.name]))
