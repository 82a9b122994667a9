"""Two processes that train together come to what one comes to alone, and to the same as each other, bit for bit."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from detach_core.contracts.errors import UserError
from detach_core.training import processes

WORKER_FILE = Path(__file__).with_name("shared_worker.py")


def load_worker():
    spec = importlib.util.spec_from_file_location("detach_shared_worker", WORKER_FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WORKER = load_worker()


@pytest.fixture(scope="module")
def shared(home, tmp_path_factory):
    """A function: what a case came to in the process of a rank, tensors and rows."""
    out = tmp_path_factory.mktemp("shared")
    agent = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "detach_core.training.launch",
        "--standalone",
        "--nproc-per-node",
        "2",
    ]
    done = subprocess.run([*agent, WORKER_FILE, home, out], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-5000:]

    def read(name, rank):
        rows = json.loads((out / f"{name}.rank{rank}.json").read_text(encoding="utf-8"))
        return load_file(out / f"{name}.rank{rank}.safetensors"), rows

    return read


@pytest.mark.parametrize("name", WORKER.CASES)
def test_two_processes_come_to_what_one_comes_to(home, shared, name):
    with WORKER.in_float64():
        expected, rows = WORKER.train(home, *WORKER.CASES[name])
    tensors, shared_rows = shared(name, 0)
    assert tensors.keys() == expected.keys()
    assert any(value.dtype == torch.float64 for value in tensors.values())
    for key, value in expected.items():
        torch.testing.assert_close(
            tensors[key], value, rtol=1e-6, atol=1e-6, msg=lambda said, key=key: f"{key}: {said}"
        )
    assert len(shared_rows) == len(rows)
    for row, alone in zip(shared_rows, rows, strict=True):
        assert row.get("losses", {}) == pytest.approx(alone.get("losses", {}), rel=1e-6)
        assert row.get("cluster_sizes") == alone.get("cluster_sizes")
        assert "drift" not in row


@pytest.mark.parametrize("name", [*WORKER.CASES, "dropout"])
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


def test_one_process_shares_nothing(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with processes.joined("cpu") as found:
        assert (found.rank, found.count, found.is_main, found.words) == (0, 1, True, "")
        assert found.decide(True)
        assert not found.decide(False)
        assert found.agree({"weight": torch.ones(2)}) == {}


def test_drift_is_set_right_and_reported_and_more_than_rounding_is_refused(monkeypatch):
    said = {"weight": torch.tensor([1.0, 2.0])}

    def broadcast(tensor, source):
        tensor.copy_(said["weight"])

    monkeypatch.setattr(processes.dist, "broadcast", broadcast)
    second = processes.Processes(1, 2, torch.device("cpu"))
    own = torch.tensor([1.0, 2.0 + 2e-4])
    assert second.agree({"weight": own}) == {"weight": pytest.approx(2e-4, rel=1e-2)}
    assert torch.equal(own, said["weight"])
    assert second.agree({"weight": own}) == {}
    with pytest.raises(UserError, match=r"process 1 of 2: `weight` is 1 away .* set `devices: 1`"):
        second.agree({"weight": own + 1.0})
    with pytest.raises(UserError, match="nan away"):
        second.agree({"weight": own * float("nan")})


def test_labels_may_drift_and_are_set_right(monkeypatch):
    monkeypatch.setattr(processes.dist, "broadcast", lambda tensor, source: tensor.fill_(1))
    second = processes.Processes(1, 2, torch.device("cpu"))
    label, known = torch.tensor([1, 4]), torch.tensor([True, False])
    assert second.agree({"label": label, "known": known}) == {"label": 3.0, "known": 1.0}
    assert label.tolist() == [1, 1]
    assert known.tolist() == [True, True]


def test_more_processes_than_gpus_are_refused(monkeypatch):
    for name, value in {"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "3", "LOCAL_WORLD_SIZE": "4"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match=r"devices: 4 .* a node offers 2 GPUs"), processes.joined("cuda"):
        pass
