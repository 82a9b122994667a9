"""Writing onto a disk that fills up: a tmpfs of a megabyte, mounted for the test."""

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from detach_core.contracts.checkpoint import read_tensors, write_tensors
from detach_core.contracts.embeddings import Embeddings, read_embeddings, write_embeddings
from detach_core.contracts.hdf5 import LIBRARY_VERSION, create_stream, new_hdf5_file
from detach_core.contracts.metrics import read_metrics, write_metrics
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.windows import read_windows, write_windows
from detach_core.foundation.errors import NoSpaceError
from detach_core.foundation.files import atomic_path
from detach_core.stages.extract_frames import extract_frames
from detach_core.stages.flow import flow
from detach_core.stages.ingest import ingest
from detach_core.stages.pack import pack
from detach_core.stages.split import split
from detach_core.stages.table import table
from tests.fixtures.artifacts import make_metrics, make_windows

ROOT = Path(__file__).resolve().parents[2]
PAGE = 4096
JOB = """
import importlib, json, sys
stage, arguments = sys.argv[1:]
getattr(importlib.import_module(f"detach_core.stages.{stage}"), stage)(**json.loads(arguments))
"""


class Disk:
    """A small disk of its own; `leave` fills it but for so many bytes."""

    def __init__(self, folder):
        self.folder = folder

    def leave(self, room):
        filler = self.folder / "filler"
        filler.unlink(missing_ok=True)
        free = os.statvfs(self.folder)
        filler.write_bytes(bytes(free.f_bavail * free.f_frsize - room))

    def names(self):
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.name != "filler")


@pytest.fixture
def disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs takes root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def write_tensor(path, seed):
    write_tensors(path, {"weight": torch.full((9000,), float(seed))}, {"schema": "detach.test/1"})


def write_embedding(path, seed):
    write_embeddings(
        path,
        Embeddings(
            features={name: np.full((500, 9), seed, np.float32) for name in ("sensor", "sensor_spatial")},
            **dict.fromkeys(("method", "variant", "split", "probed", "dataset", "video_init"), "any"),
            source="simulated",
            seed=seed,
            provenance=make_provenance(stage="embed", source="simulated", settings={}, seed=seed),
        ),
    )


def write_one_stream(path, seed):
    """A disk nearly full takes a part of the rows, and all that is written after them lies in pages that are there."""
    with atomic_path(path) as partial, new_hdf5_file(partial, libver=LIBRARY_VERSION) as file:
        create_stream(file, "rgb", (30, 1500), "uint8")[...] = np.full((30, 1500), seed, np.uint8)


def read_one_stream(path):
    with h5py.File(path, "r") as file:
        assert file["rgb"].shape == (30, 1500)


WRITERS = {
    "frames.h5": (write_one_stream, read_one_stream),
    "windows.h5": (lambda path, seed: write_windows(path, make_windows(stride_s=float(seed))), read_windows),
    "embeddings.h5": (write_embedding, read_embeddings),
    "metrics.json": (lambda path, seed: write_metrics(path, make_metrics(seed=seed)), read_metrics),
    "checkpoint.safetensors": (
        write_tensor,
        lambda path: read_tensors(path, schema="detach.test/1", fields=(), rule="pretrain"),
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_wherever_the_room_ends_the_file_is_the_new_one_or_the_earlier_one(disk, tmp_path, name):
    write, read = WRITERS[name]
    path = disk.folder / name
    write(tmp_path / name, 2)
    expected, size = (tmp_path / name).read_bytes(), (tmp_path / name).stat().st_size
    outcomes = []
    for room in range(0, size + 3 * PAGE, PAGE):
        (disk.folder / "filler").unlink(missing_ok=True)
        write(path, 1)
        earlier = path.read_bytes()
        disk.leave(room)
        try:
            write(path, 2)
            assert path.read_bytes() == expected, f"a file with a hole, {room} bytes were free"
        except NoSpaceError:
            assert path.read_bytes() == earlier
        outcomes.append(path.read_bytes() == expected)
        read(path)
        assert disk.names() == [name]
    assert not outcomes[0]
    assert outcomes == sorted(outcomes), "more room never is too little"
    assert outcomes[-1]


def one_line(text, stage, path):
    """The only line that a stage left, which names the file and what lacks."""
    (line,) = text.splitlines()
    assert line.startswith(f"[{stage}] {path}: cannot be written, no space is left on its disk; ")
    assert line.endswith("free some space and run again")


def test_a_split_and_a_table_say_so_in_one_line_and_leave_what_was_there(disk, tmp_path, capfd):
    write_windows(tmp_path / "windows.h5", make_windows())
    write_metrics(tmp_path / "metrics.json", make_metrics())
    settings = {"name": "default", "seed": 0, "pretrain": 0.5, "activation_quantile": 0.99, "folds": 4, "fold_draws": 1}
    jobs = {
        "split": lambda log: split(
            settings=json.dumps(settings | {"hold_out": "recordings", "held_out": ["S1-R2", "S2-R3"]}),
            windows_path=tmp_path / "windows.h5",
            split_path=disk.folder / "split.json",
            log_path=log,
        ),
        "table": lambda log: table(
            name="table1",
            settings=json.dumps(
                {"table": {"rows": ["detach"], "datasets": ["opportunity"], "splits": ["default"]}, "seeds": [0]}
            ),
            metrics_paths=[tmp_path / "metrics.json"],
            windows_paths=[],
            split_paths=[],
            csv_path=disk.folder / "table1.csv",
            log_path=log,
        ),
    }
    for job in jobs.values():
        job(tmp_path / "log.txt")
    before = {name: (disk.folder / name).read_bytes() for name in disk.names()}
    assert len(before) == 5
    disk.leave(0)
    capfd.readouterr()
    for (stage, job), first in zip(jobs.items(), ("split.json", "table1.md"), strict=True):
        with pytest.raises(SystemExit) as stop:
            job(tmp_path / "log.txt")
        assert stop.value.code == 1
        one_line(capfd.readouterr().err, stage, disk.folder / first)
        assert "Traceback" not in (tmp_path / "log.txt").read_text()
    assert {name: (disk.folder / name).read_bytes() for name in disk.names()} == before


def test_a_log_without_room_is_told_once_and_the_stage_goes_on(disk, tmp_path, capfd):
    write_windows(tmp_path / "windows.h5", make_windows())
    disk.leave(0)
    settings = {"name": "default", "seed": 0, "pretrain": 0.5, "activation_quantile": 0.99, "folds": 4, "fold_draws": 1}
    split(
        settings=json.dumps(settings | {"hold_out": "recordings", "held_out": ["S1-R2", "S2-R3"]}),
        windows_path=tmp_path / "windows.h5",
        split_path=tmp_path / "split.json",
        log_path=disk.folder / "split.log",
    )
    lines = capfd.readouterr().err.splitlines()
    assert len([line for line in lines if "the log cannot be written (No space left on device)" in line]) == 1
    assert all(line.startswith("[split] ") for line in lines), lines
    assert len(lines) > 1
    assert (tmp_path / "split.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["extract_frames", "flow", "pack"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.97])
def test_a_process_that_meets_a_full_disk_ends_with_1_and_one_line(opportunity_folder, disk, tmp_path, stage, share):
    """h5py once printed its own errors, left a file with a hole under the final name, and the process crashed."""
    opportunity_folder.add("S1-Drill")
    settings, common = opportunity_folder.settings, {"log_path": tmp_path / "log.txt"}
    raw = {"dataset": "opportunity", "recordings": ["S1-Drill"], "root_path": opportunity_folder.root}
    made = {role: tmp_path / "whole" / f"{role}.h5" for role in ("sensor", "frames", "flow", "windows")}
    shards = {f"{role}_paths": [made[role]] for role in ("sensor", "frames", "flow")}
    arguments = {
        "extract_frames": ("frames", raw),
        "flow": ("flow", {"frames_path": made["frames"]}),
        "pack": ("windows", {"dataset": "opportunity", **shards}),
    }
    ingest(settings=settings("ingest"), **common, **raw, sensor_path=made["sensor"])
    for run in (extract_frames, flow, pack):
        output, needs = arguments[run.__name__]
        run(settings=settings(run.__name__), **common, **needs, **{f"{output}_path": made[output]})
    output, needs = arguments[stage]
    size = made[output].stat().st_size
    path = disk.folder / made[output].name
    disk.leave(int(share * size) // PAGE * PAGE)
    text = json.dumps({"settings": settings(stage), **common, **needs, f"{output}_path": path}, default=str)
    done = subprocess.run(
        [sys.executable, "-c", JOB, stage, text], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    said = [line for line in done.stderr.replace("\r", "\n").splitlines() if line.startswith(f"[{stage}] ")]
    one_line(said[-1], stage, path)
    assert "Traceback" not in done.stderr + (tmp_path / "log.txt").read_text()
    assert "Exception" not in done.stderr
    assert disk.names() == []
