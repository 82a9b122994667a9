"""Markers: those that this machine cannot serve, with the reason, and those that a plain `./run test` leaves to CI."""

import importlib.util
import os
import shutil
from collections import Counter

import pytest

# Each needs minutes. CI runs them all (.ci/run); here they run once a marker, a file or a name is asked for.
LEFT_TO_CI = ("slow", "browser", "slurm")
LEFT = pytest.StashKey[Counter[str]]()


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


def pytest_configure(config):
    config.stash[LEFT] = Counter()


def pytest_collection_modifyitems(config, items):
    reasons = cannot_run()
    for item in items:
        for marker in item.iter_markers():
            if marker.name in reasons:
                item.add_marker(pytest.mark.skip(reason=reasons[marker.name]))
    if is_plain(config):
        left = {item: marker for item in items for marker in LEFT_TO_CI if item.get_closest_marker(marker)}
        config.stash[LEFT] = Counter(left.values())
        items[:] = [item for item in items if item not in left]


def is_plain(config):
    """Whether the command names no marker, no expression and no files."""
    places = config.workerinput["places"] if hasattr(config, "workerinput") else names_places(config)
    return not (config.option.markexpr or config.option.keyword or places)


def names_places(config):
    """Whether the command names files or folders of tests."""
    return config.args_source is not pytest.Config.ArgsSource.TESTPATHS


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Tell a worker of pytest-xdist whether places were named: it is always given some."""
    node.workerinput["places"] = names_places(node.config)


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left"] = dict(session.config.stash[LEFT])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.stash[LEFT] |= Counter(getattr(node, "workeroutput", {}).get("left", {}))


def pytest_terminal_summary(terminalreporter, config):
    if left := config.stash[LEFT]:
        counts = ", ".join(f"{left[marker]} marked {marker}" for marker in LEFT_TO_CI if left[marker])
        terminalreporter.write_line(f"left to CI: {counts}; ./run test -m 'slow or browser or slurm' runs them here")


@pytest.fixture
def one_seeded_thread():
    """One torch thread, and torch's global generator at a seed."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)
