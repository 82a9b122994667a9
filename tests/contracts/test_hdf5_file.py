import errno
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from detach_core.contracts.hdf5 import LIBRARY_VERSION, create_artifact, create_stream, new_hdf5_file, open_artifact
from detach_core.foundation.errors import UNREADABLE, ContractError, UnreadableFileError

ROOT = Path(__file__).resolve().parents[2]


def fill(file):
    """Large and small datasets, groups and attributes: all that HDF5 writes at once or later."""
    create_stream(file, "large", (100, 300), "float32")[...] = np.ones((100, 300), np.float32)
    file["small"] = np.arange(1000.0)
    for number in range(30):
        file.create_group(f"group{number}").attrs["text"] = "x" * 500


def test_what_is_written_is_read_and_the_same_content_gives_the_same_bytes(tmp_path):
    for name in "ab":
        with new_hdf5_file(tmp_path / name, libver=LIBRARY_VERSION) as file:
            fill(file)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with h5py.File(tmp_path / "a", "r") as file:
        assert float(file["large"][...].sum()) == 30000.0
        np.testing.assert_array_equal(file["small"], np.arange(1000.0))
        assert {len(file[f"group{number}"].attrs["text"]) for number in range(30)} == {500}


@pytest.fixture
def limit_bytes():
    """Sets how large a file may grow; beyond it the system refuses, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_whatever_cannot_be_written_is_an_error(tmp_path, limit_bytes):
    with new_hdf5_file(tmp_path / "whole", libver=LIBRARY_VERSION) as file:
        fill(file)
    size = (tmp_path / "whole").stat().st_size
    for share in (0.0, 0.2, 0.5, 0.8, 0.95, 0.999):
        limit_bytes(int(share * size))
        with pytest.raises(OSError, match="File too large"), new_hdf5_file(tmp_path / "a", libver=LIBRARY_VERSION) as f:
            fill(f)
    limit_bytes(size)
    with new_hdf5_file(tmp_path / "a", libver=LIBRARY_VERSION) as file:
        fill(file)


def test_an_error_of_the_block_stays_itself_where_the_disk_was_well(tmp_path):
    with pytest.raises(ValueError, match="mine"), new_hdf5_file(tmp_path / "a", libver=LIBRARY_VERSION):
        raise ValueError("mine")


def written(path):
    with create_artifact(path, schema="detach.test/1", provenance=None) as file:
        fill(file)
    return path


def read(path):
    with open_artifact(path, schema="detach.test/1", rule="pack") as reader:
        return float(reader.dataset("large", dtype="float32", shape=(100, 300))[...].sum())


WITHOUT_LOCKS = """#include <errno.h>
#include <fcntl.h>
int flock(int fd, int operation) { errno = ENOLCK; return -1; }
"""
ROUND = """import sys
from tests.contracts.test_hdf5_file import read, written
assert read(written(sys.argv[1])) == 30000.0
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")
def test_a_file_system_without_locks_is_as_good_as_any(tmp_path):
    (tmp_path / "nolock.c").write_text(WITHOUT_LOCKS)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "nolock.so", "nolock.c"], cwd=tmp_path, check=True)
    preload = {"LD_PRELOAD": str(tmp_path / "nolock.so"), "PYTHONPATH": str(ROOT)}
    environment = {**os.environ, **preload}
    environment.pop("HDF5_USE_FILE_LOCKING", None)
    locks = "import h5py, sys; h5py.File(sys.argv[1], 'w')"
    plain = subprocess.run([sys.executable, "-c", locks, str(tmp_path / "a")], env=environment, capture_output=True)
    assert b"unable to lock file" in plain.stderr, "the preloaded library must be at work"
    done = subprocess.run([sys.executable, "-c", ROUND, str(tmp_path / "b.h5")], env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_no_other_module_opens_an_hdf5_file():
    users = [path.name for path in ROOT.glob("detach_core/**/*.py") if re.search(r"h5py\.File\(", path.read_text())]
    assert users == ["hdf5.py"]


@pytest.mark.parametrize("number", sorted(UNREADABLE), ids=errno.errorcode.get)
def test_what_the_operating_system_refuses_is_no_fault_of_the_file(tmp_path, monkeypatch, number):
    """Refused where the file is opened, and, as HDF5 tells it, where it is read."""
    path = written(tmp_path / "a.h5")
    for name, error in (
        ("open_for_reading", OSError(number, os.strerror(number), str(path))),
        ("h5py.File", OSError(f"Unable to open file (file read failed: errno = {number}, error message = 'x')")),
    ):

        def refuse(*_, error=error, **__):
            raise error

        with monkeypatch.context() as patch:
            if name == "open_for_reading":
                patch.setattr(Path, "open", refuse)
            else:
                patch.setattr(h5py, "File", refuse)
            with pytest.raises(UnreadableFileError) as refusal:
                read(path)
        assert UNREADABLE[number][0] in str(refusal.value)
        assert errno.errorcode[number] in str(refusal.value)
        assert UNREADABLE[number][1] in str(refusal.value)
        assert "rule" not in str(refusal.value)


def test_what_is_no_hdf5_file_is_still_made_anew(tmp_path):
    for content in (b"", b"text", b"\x89HDF\r\n\x1a\n" + bytes(100)):
        (tmp_path / "a.h5").write_bytes(content)
        with pytest.raises(ContractError, match="rerun the rule `pack`"):
            read(tmp_path / "a.h5")


def test_too_many_open_files_are_told_as_that(tmp_path):
    path = written(tmp_path / "a.h5")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    kept: list[Any] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, limits[1]))
    try:
        while len(kept) < 100:
            try:
                kept.append(path.open())
            except OSError:
                break
        with pytest.raises(UnreadableFileError, match="too many files are open in this process"):
            read(path)
    finally:
        for file in kept:
            file.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert read(path) == 30000.0
