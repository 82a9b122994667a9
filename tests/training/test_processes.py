"""The second of two processes, whose first is played; real ones are in test_processes.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from detach_core.foundation.errors import UserError
from detach_core.settings.shared import MachinesSettings
from detach_core.training import processes
from tests.training import shared_worker

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def agree(monkeypatch):
    """A function: what the second process gets where the first says `said`."""

    def make(said, tensors):
        monkeypatch.setattr("detach_core.training.processes.dist.broadcast", lambda tensor, source: tensor.copy_(said))
        monkeypatch.setattr("detach_core.training.processes.dist.all_reduce", lambda tensor, operation: None)
        return processes.agree(tensors, device=torch.device("cpu"), count=2)

    return make


def test_drift_is_set_right_and_reported_and_more_than_rounding_is_refused(agree):
    said, own = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0 + 2e-4])
    assert agree(said, {"weight": own}) == {"weight": pytest.approx(2e-4, rel=1e-2)}
    assert torch.equal(own, said)
    assert agree(said, {"weight": own}) == {}
    with pytest.raises(UserError, match=r"the 2 processes .* differ by 1 in `weight`.* set `devices: 1`"):
        agree(said, {"weight": own + 1.0})
    with pytest.raises(UserError, match="differ by inf"):
        agree(said, {"weight": own * float("nan")})


def test_what_is_far_is_measured_by_what_is_large(agree):
    own = torch.tensor([1000.5])
    assert agree(torch.tensor([1000.0]), {"weight": own}) == {"weight": 0.5}


def test_labels_may_drift_and_are_set_right(agree):
    label, known = torch.tensor([1, 4]), torch.tensor([True, False])
    assert agree(torch.tensor(1), {"label": label, "known": known}) == {"label": 3.0, "known": 1.0}
    assert label.tolist() == [1, 1]
    assert known.tolist() == [True, True]


def test_random_streams_may_not_drift(agree):
    with pytest.raises(UserError, match="`draws`"):
        agree(torch.tensor(3, dtype=torch.uint8), {"draws": torch.tensor([3, 4], dtype=torch.uint8)})


@pytest.fixture(scope="module")
def shared_folder(home, tmp_path_factory):
    """What two processes wrote."""
    out = tmp_path_factory.mktemp("shared")
    agent = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "detach_core.training.processes",
        "--standalone",
        "--nproc-per-node",
        "2",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*agent, shared_worker.__file__, home, out],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return out


@pytest.fixture(scope="module")
def shared(shared_folder):
    """A function: what a case came to in the process of a rank, tensors and rows."""

    def read(name, rank):
        rows = json.loads((shared_folder / f"{name}.rank{rank}.json").read_text(encoding="utf-8"))
        return load_file(shared_folder / f"{name}.rank{rank}.safetensors"), rows

    return read


@pytest.mark.slow
@pytest.mark.parametrize("name", shared_worker.CASES)
def test_two_processes_come_to_what_one_comes_to(home, shared, name):
    with shared_worker.in_float64():
        expected, rows = shared_worker.train(home, *shared_worker.CASES[name])
    tensors, shared_rows = shared(name, 0)
    assert tensors.keys() == expected.keys()
    assert any(value.dtype == torch.float64 for value in tensors.values())
    for key, value in expected.items():
        torch.testing.assert_close(tensors[key], value, rtol=1e-6, atol=1e-6, msg=f"{key}: {{}}".format)
    assert len(shared_rows) == len(rows)
    for row, alone in zip(shared_rows, rows, strict=True):
        assert row.get("losses", {}) == pytest.approx(alone.get("losses", {}), rel=1e-6)
        assert row.get("cluster_sizes") == alone.get("cluster_sizes")
        assert "drift" not in row


@pytest.mark.parametrize("name", [*shared_worker.CASES, "dropout"])
def test_memory_queues_and_slow_copies_are_the_same_everywhere(shared, name):
    (first, first_rows), (second, second_rows) = shared(name, 0), shared(name, 1)
    assert first_rows == second_rows
    assert first.keys() == second.keys()
    assert [key for key, value in first.items() if not torch.equal(second[key], value)] == []


def test_what_is_compared_was_trained(shared):
    tensors, rows = shared("detach", 0)
    slow = [key for key in tensors if key.startswith("slow.")]
    assert slow
    assert rows[-1]["losses"]["total"] != rows[1]["losses"]["total"]
    assert "memory.feature" in shared("detach_spatial", 0)[0]
    assert {"own/video", "own/ssl"} <= shared("primus", 0)[0].keys()
    assert {"own/queue", "own/embedding"} <= shared("comodo", 0)[0].keys()


def test_drift_is_known_to_all_and_refused_by_all(shared_folder):
    first, second = (json.loads((shared_folder / f"agreed.rank{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    drift, far, stream = first
    assert drift == {"near": pytest.approx(1e-5, rel=1e-2)}
    assert far.startswith("the 2 processes of the training differ by 1 in `far`, more than rounding")
    assert "in `stream`" in stream


def test_one_process_shares_nothing_whatever_the_environment_says(monkeypatch):
    for name, value in {"WORLD_SIZE": "4", "RANK": "3"}.items():
        monkeypatch.setenv(name, value)
    assert processes.own_rank(1) == 0
    assert MachinesSettings(devices=3, nodes=2).num_processes == 6
    with processes.joined("cpu", 1) as found:
        assert (found.rank, found.count, found.is_main, found.words) == (0, 1, True, "")
        assert found.decide(True)
        assert not found.decide(False)
        assert found.agree({"weight": torch.ones(2)}) == {}
        found.check_same("x", 3)


def test_another_epoch_to_resume_at_is_refused(monkeypatch):
    monkeypatch.setattr("detach_core.training.processes.dist.broadcast", lambda tensor, source: tensor.fill_(4))
    process = processes.Processes(1, 2, torch.device("cpu"))
    process.check_same("the epoch to resume at", 4)
    with pytest.raises(UserError, match="the epoch to resume at is -1 here and 4 for the first process"):
        process.check_same("the epoch to resume at", -1)


def test_more_processes_than_gpus_are_refused(monkeypatch):
    for name, value in {"RANK": "3", "LOCAL_RANK": "3", "LOCAL_WORLD_SIZE": "4"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match=r"devices: 4 .* a node offers 2 GPUs"), processes.joined("cuda", 4):
        pass
