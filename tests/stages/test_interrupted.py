"""Training in a process of its own that is really killed, and goes on when it is run again."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from detach_core.contracts.history import read_history
from detach_core.training.resume import FILE_NAME

ROOT = Path(__file__).resolve().parents[2]
TIMES = ("seconds", "windows_per_s", "epoch_seconds")
# What a job does, but for how often it saves.
JOB = """
import importlib, json, sys
from detach_core.training import resume
from tests.fixtures.toy_home import home, toy
stage, save_every_s, arguments = sys.argv[1:]
resume.SAVE_EVERY_S = float(save_every_s)
run = getattr(importlib.import_module(f"detach_core.stages.{stage}"), stage)
print("ready", file=sys.stderr, flush=True)
run(**json.loads(arguments))
"""
STAGES = {
    "pretrain_spatial": ("checkpoint.safetensors", "assignments.h5"),
    "pretrain": ("checkpoint.safetensors", "snapshots.safetensors"),
}
# Enough that three kills within a few epochs each never meet a run that is over.
EPOCHS = 24
# Two processes take turns on one core, so fewer.
SHARED = {"devices": 2, "epochs": 8}


def settings_of(toy, stage, **changes):
    if stage == "pretrain_spatial":
        return toy.job_text("detach_spatial", refinement_epochs=EPOCHS - 3, **changes)
    return toy.job_text("detach", **{"epochs": EPOCHS, **changes})


def start(toy, stage, home, folder, *, spatial=None, seed=0, save_every_s=0.0, **changes):
    folder.mkdir(exist_ok=True)
    arguments = {
        "settings": settings_of(toy, stage, **changes),
        "windows_path": home / "windows.h5",
        "split_path": home / "split.json",
        "checkpoint_path": folder / "checkpoint.safetensors",
        "history_path": folder / "history.jsonl",
        "seed": seed,
        "log_path": folder / "log.txt",
    }
    if stage == "pretrain":
        arguments |= {"spatial_path": spatial, "snapshots_path": folder / "snapshots.safetensors"}
    else:
        arguments["assignments_path"] = folder / "assignments.h5"
    command = [sys.executable, "-c", JOB, stage, str(save_every_s), json.dumps(arguments, default=str)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def finish(process):
    """The lines of a run that ends by itself."""
    _, text = process.communicate(timeout=300)
    assert process.returncode == 0, text
    return text


def interrupt(process, *, epochs, delay_s=0.0, by=signal.SIGKILL, target=None):
    """Wait for the stage's beginning, so many epochs and a while, then send the signal; returns all lines.

    The signal goes to `process`, or to the one that `target` finds under it.
    """
    lines = []
    for line in process.stderr:
        lines.append(line)
        if lines[0] == "ready\n" and sum("] epoch " in each for each in lines) == epochs:
            break
    time.sleep(delay_s)
    (process if target is None else target(process)).send_signal(by)
    lines += process.communicate(timeout=300)[1].splitlines(keepends=True)
    return "".join(lines)


def rows_of(folder):
    history = read_history(folder / "history.jsonl")
    return [{name: value for name, value in row.items() if name not in TIMES} for row in history.epochs], history.run


@pytest.fixture(scope="module")
def whole(toy, home, tmp_path_factory):
    """Stage -> folder of a run that nobody interrupted, and its Stage 1's checkpoint."""
    folder = tmp_path_factory.mktemp("whole")
    finish(start(toy, "pretrain_spatial", home, folder / "pretrain_spatial"))
    spatial = folder / "pretrain_spatial" / "checkpoint.safetensors"
    finish(start(toy, "pretrain", home, folder / "pretrain", spatial=spatial))
    return {"pretrain_spatial": (folder / "pretrain_spatial", None), "pretrain": (folder / "pretrain", spatial)}


def assert_same(stage, folder, expected):
    for name in STAGES[stage]:
        assert (folder / name).read_bytes() == (expected / name).read_bytes(), name
    assert rows_of(folder) == rows_of(expected)
    assert not (folder / FILE_NAME).exists()


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_killed_three_times_at_random_and_run_again_gives_the_same_bytes(toy, home, whole, tmp_path, stage):
    expected, spatial = whole[stage]
    draws = random.Random(f"{stage} 0")
    resumed = 0
    # Each kill but the first hits a run that goes on; it comes before or within any epoch, or while a state is written.
    for fewest in (0, 1, 1):
        process = start(toy, stage, home, tmp_path, spatial=spatial)
        text = interrupt(process, epochs=draws.randint(fewest, 3), delay_s=draws.uniform(0.0, 0.1))
        assert process.returncode == -signal.SIGKILL, text
        resumed += "resumed at epoch" in text
    text = finish(start(toy, stage, home, tmp_path, spatial=spatial))
    assert resumed >= 1
    assert "resumed at epoch" in (tmp_path / "log.txt").read_text()
    assert_same(stage, tmp_path, expected)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".training_state")] == []


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_sigterm_leaves_a_state_and_143_and_another_seed_does_not_go_on_from_it(toy, home, whole, tmp_path, stage):
    expected, spatial = whole[stage]
    process = start(toy, stage, home, tmp_path, spatial=spatial, save_every_s=3600.0)
    text = interrupt(process, epochs=2, by=signal.SIGTERM)
    assert process.returncode == 143, text
    assert "stopped after epoch" in text
    assert (tmp_path / FILE_NAME).is_file()
    assert not (tmp_path / "checkpoint.safetensors").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / FILE_NAME).write_bytes((tmp_path / FILE_NAME).read_bytes())
    text = finish(start(toy, stage, home, other, spatial=spatial, seed=1))
    assert text.count("is ignored, and training starts from the beginning: it is of a training with another seed") == 1
    assert "resumed" not in text
    text = finish(start(toy, stage, home, tmp_path, spatial=spatial))
    assert "resumed at epoch" in text
    assert_same(stage, tmp_path, expected)


def second_worker(process):
    """The second of two processes that train together under `process`."""
    children = psutil.Process(process.pid).children(recursive=True)
    return next(child for child in children if child.environ().get("RANK") == "1")


@pytest.fixture(scope="module")
def shared(toy, home, whole, tmp_path_factory):
    """The folder of a Stage 2 that two processes trained, and nobody interrupted."""
    folder = tmp_path_factory.mktemp("shared")
    text = finish(start(toy, "pretrain", home, folder, spatial=whole["pretrain"][1], **SHARED))
    assert "cpu, 1 thread, 2 processes" in text
    assert sorted(path.name for path in folder.iterdir()) == [
        "checkpoint.safetensors",
        "history.jsonl",
        "log.txt",
        "snapshots.safetensors",
    ]
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("by", "target", "code"),
    [
        pytest.param(signal.SIGTERM, None, 143, id="the scheduler ends them"),
        pytest.param(signal.SIGKILL, None, -signal.SIGKILL, id="what started them is killed"),
        pytest.param(signal.SIGKILL, second_worker, 1, id="one of them is killed"),
    ],
)
def test_two_processes_that_train_together_end_together_and_go_on(toy, home, whole, shared, tmp_path, by, target, code):
    spatial = whole["pretrain"][1]
    process = start(toy, "pretrain", home, tmp_path, spatial=spatial, **SHARED)
    # Their error stream closes when the last of them is gone.
    text = interrupt(process, epochs=2, by=by, target=target)
    assert process.returncode == code, text
    assert (tmp_path / FILE_NAME).is_file(), text
    assert not (tmp_path / "checkpoint.safetensors").exists()
    text = finish(start(toy, "pretrain", home, tmp_path, spatial=spatial, **SHARED))
    assert "resumed at epoch" in text
    assert_same("pretrain", tmp_path, shared)


@pytest.mark.slow
def test_two_processes_say_a_mistake_without_their_launchers_words(toy, home, whole, tmp_path):
    process = start(toy, "pretrain", home, tmp_path, spatial=whole["pretrain"][1], **SHARED, batch_size=500)
    _, text = process.communicate(timeout=100)
    assert process.returncode == 1
    said = {line.split("] ")[0] for line in text.splitlines()[1:]}
    assert said <= {"[pretrain", "[pretrain, process 1"}, text
    assert "[pretrain] methods.detach.batch_size: 500 windows make a batch" in text
