"""A small toy home on disk, made once, and its windows ready for training."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from detach_core.contracts.split import read_split
from detach_core.contracts.windows import read_windows
from detach_core.training.batches import ResidentWindows


def load_toy():
    """The module that draws the toy home; the folders of tests share it by its path."""
    name = "detach_toy_windows"
    if name not in sys.modules:
        path = Path(__file__).with_name("toy_windows.py")
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def toy():
    return load_toy()


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A folder with frames.h5, flow.h5, windows.h5 and split.json."""
    return load_toy().write_toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="session")
def sequence_home(tmp_path_factory):
    """The same where whole recordings have labels."""
    return load_toy().write_toy(tmp_path_factory.mktemp("sequences"), num_recordings=9, label_unit="recording")


@pytest.fixture(scope="session")
def windows(home):
    return read_windows(home / "windows.h5")


@pytest.fixture(scope="session")
def split(home):
    return read_split(home / "split.json")


@pytest.fixture(scope="session")
def make_resident():
    """Builds `ResidentWindows` over a toy's files."""

    def make(windows, split, *, augmentation=None, seed=0, with_labels=False, frames_every=1):
        parts = {"pretrain": split.pretrain, "monitor": split.held_out}
        return ResidentWindows(
            windows,
            parts,
            split.normalisation,
            form="centred",
            augmentation=augmentation,
            device=torch.device("cpu"),
            seed=seed,
            with_labels=with_labels,
            with_streams=True,
            frames_every=frames_every,
        )

    return make


@pytest.fixture
def resident(windows, split, make_resident):
    return make_resident(windows, split)
