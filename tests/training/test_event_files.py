import builtins
import json
import subprocess
import sys

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from detach_core.contracts.history import read_history
from detach_core.foundation.errors import UserError
from detach_core.stages.pretrain import pretrain
from detach_core.training import loop
from detach_core.training.event_files import PATTERN, event_files, scalars


def read_events(folder):
    """Place -> epoch and value of every number, by TensorBoard's own reader."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: [(one.step, one.value) for one in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def numbers_of(path):
    """The same of a history."""
    found: dict[str, list[tuple[int, float]]] = {}
    for row in read_history(path).epochs:
        for place, value in scalars(row).items():
            found.setdefault(place, []).append((row["epoch"], torch.tensor(value, dtype=torch.float32).item()))
    return found


def run(toy, home, folder, *, wanted=True):
    pretrain(
        settings=toy.job_text("supervised", epochs=4),
        windows_path=home / "windows.h5",
        split_path=home / "split.json",
        spatial_path=None,
        checkpoint_path=folder / "checkpoint.safetensors",
        history_path=folder / "history.jsonl",
        snapshots_path=folder / "snapshots.safetensors",
        seed=0,
        log_path=folder / "pretrain.log",
        tensorboard_path=folder / "tensorboard" if wanted else None,
    )


def test_every_number_of_a_row_is_named_by_its_place_and_the_rest_is_left_out():
    row = {"epoch": 3, "phase": "joint", "losses": {"total": 0.5}, "sizes": [4, 5], "rate": None, "map": float("nan")}
    assert scalars(row) == {"losses/total": 0.5, "sizes/0": 4, "sizes/1": 5}


def test_the_event_files_hold_the_numbers_of_the_history(toy, home, tmp_path):
    run(toy, home, tmp_path)
    events = read_events(tmp_path / "tensorboard")
    assert events == numbers_of(tmp_path / "history.jsonl")
    assert [epoch for epoch, _ in events["losses/total"]] == [1, 2, 3, 4]
    assert len(events) > 5


@pytest.mark.parametrize("killed_at", [2, 3])
def test_a_resumed_training_writes_each_epoch_once(toy, home, tmp_path, monkeypatch, killed_at):
    line = loop._line

    def stop(row, num_epochs):
        if row["epoch"] == killed_at:
            raise KeyboardInterrupt
        return line(row, num_epochs)

    monkeypatch.setattr(loop, "_line", stop)
    with pytest.raises(KeyboardInterrupt):
        run(toy, home, tmp_path)
    before = read_events(tmp_path / "tensorboard")["losses/total"]
    assert [epoch for epoch, _ in before] == list(range(1, killed_at + 1))
    monkeypatch.undo()
    run(toy, home, tmp_path)
    assert f"resumed at epoch {killed_at} of 4" in (tmp_path / "pretrain.log").read_text()
    events = read_events(tmp_path / "tensorboard")
    assert events == numbers_of(tmp_path / "history.jsonl")
    assert events["losses/total"][:killed_at] == before
    assert len(list((tmp_path / "tensorboard").glob(PATTERN))) == 1


def test_the_weights_are_those_of_a_training_without_event_files(toy, home, tmp_path):
    run(toy, home, tmp_path / "with")
    run(toy, home, tmp_path / "without", wanted=False)
    assert not (tmp_path / "without" / "tensorboard").exists()
    first, second = (tmp_path / name / "checkpoint.safetensors" for name in ("with", "without"))
    assert first.read_bytes() == second.read_bytes()


def test_of_a_training_s_processes_one_writes(tmp_path):
    with event_files(tmp_path, writes=False) as record:
        record({"epoch": 1, "loss": 1.0})
    assert list(tmp_path.iterdir()) == []


def test_files_of_others_in_the_folder_stay(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with event_files(tmp_path) as record:
        record({"epoch": 1, "loss": 1.0})
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert read_events(tmp_path) == {"loss": [(1, 1.0)]}


@pytest.mark.parametrize("writes", [True, False])
def test_where_tensorboard_is_asked_for_and_absent_one_sentence_says_so(tmp_path, monkeypatch, writes):
    importer = builtins.__import__

    def refuse(name, *arguments, **named):
        if name.split(".")[0] == "tensorboard":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return importer(name, *arguments, **named)

    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with (
        pytest.raises(UserError, match=r"install it .* or set `tensorboard: false`$"),
        event_files(tmp_path, writes=writes),
    ):
        pass


def test_training_without_event_files_imports_no_tensorboard():
    code = "import json, sys, detach_core.stages.pretrain; print(json.dumps(sorted(sys.modules)))"
    modules = json.loads(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    )
    assert not [name for name in modules if "tensorboard" in name or name.startswith(("google", "pyarrow"))]
