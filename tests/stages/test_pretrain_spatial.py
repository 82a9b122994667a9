import pytest
import torch

from detach_core.contracts.checkpoint import read_checkpoint
from detach_core.contracts.embeddings import read_assignments
from detach_core.contracts.history import read_history
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import read_windows
from detach_core.evaluation.clusters import input_clusters
from detach_core.evaluation.settings import ActivationSettings
from detach_core.methods.detach.stage1 import cluster_agreement
from detach_core.stages.pretrain_spatial import pretrain_spatial
from detach_core.training import session
from detach_core.training.resume import FILE_NAME


def run(toy, home, folder, seed=0, **changes):
    pretrain_spatial(
        settings=toy.job_text("detach_spatial", **changes),
        windows_path=home / "windows.h5",
        split_path=home / "split.json",
        checkpoint_path=folder / "checkpoint.safetensors",
        history_path=folder / "history.jsonl",
        assignments_path=folder / "assignments.h5",
        seed=seed,
        log_path=folder / "log.txt",
    )
    return folder


def test_weights_memory_and_history_are_written_and_repeat_bit_for_bit(toy, home, tmp_path):
    first, second = (run(toy, home, tmp_path / name) for name in ("a", "b"))
    assert (first / "checkpoint.safetensors").read_bytes() == (second / "checkpoint.safetensors").read_bytes()
    checkpoint = read_checkpoint(first / "checkpoint.safetensors")
    assert checkpoint.method == "detach_spatial"
    assert checkpoint.tensors["memory.feature"].shape == (72, 32)
    assert checkpoint.tensors["memory.label"].dtype == torch.int64
    assert checkpoint.tensors["memory.centroid"].shape == (4, 32)
    assert checkpoint.provenance.seed == 0
    assert set(checkpoint.provenance.inputs) == {"windows", "split"}
    history = read_history(first / "history.jsonl")
    assert [row["epoch"] for row in history.epochs] == [0, 1, 2, 3, 4, 5]
    assert len(history.column("change_rate")) == 5
    assert "epoch 5/5" in (first / "log.txt").read_text()


@pytest.mark.parametrize("activation", ["abs", "range", "signed"])
def test_kmeans_on_its_input_is_what_the_claims_hold_it_against(toy, home, tmp_path, activation):
    folder = run(toy, home, tmp_path, activation=activation)
    windows, split = read_windows(home / "windows.h5"), read_split(home / "split.json")
    entered = toy.SPATIAL.input
    settings = ActivationSettings(entered.form, entered.activation_quantile, activation)
    clusters = input_clusters(windows, split, read_assignments(folder / "assignments.h5"), settings)
    found = cluster_agreement(torch.from_numpy(clusters), torch.from_numpy(windows.location[split.pretrain]))
    assert found == read_history(folder / "history.jsonl").run["activation_kmeans"]


def test_assignments_follow_the_memory_epoch_by_epoch(toy, home, tmp_path):
    folder = run(toy, home, tmp_path)
    assignments = read_assignments(folder / "assignments.h5")
    history = read_history(folder / "history.jsonl")
    memory = read_checkpoint(folder / "checkpoint.safetensors").tensors["memory.label"].numpy()
    assert assignments.phases == tuple(row["phase"] for row in history.epochs)
    assert (assignments.cluster[-1] == memory).all()
    moved = (assignments.cluster[1:] != assignments.cluster[:-1]).mean(axis=1)
    assert moved == pytest.approx(history.column("change_rate"))
    assert assignments.confident.mean(axis=1) == pytest.approx([row["confident_share"] for row in history.epochs])
    assert assignments.phases[assignments.before("refinement") + 1] == "refinement"
    assert assignments.before("another") is None
    assert (assignments.window == read_split(home / "split.json").pretrain).all()


def test_fewer_windows_than_a_batch_are_one_line_and_leave_nothing(toy, home, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(toy, home, tmp_path, batch_size=512)
    message = capsys.readouterr().err
    assert "spatial.default.batch_size: 512 windows make a batch" in message
    assert "N = 72" in message
    assert "Traceback" not in message
    assert [path.name for path in tmp_path.iterdir()] == ["log.txt"]


def test_a_run_that_failed_while_it_wrote_goes_on_and_tidies_up(toy, home, tmp_path, monkeypatch):
    whole, broken = run(toy, home, tmp_path / "whole"), tmp_path / "broken"
    monkeypatch.setattr(session, "write_history", lambda *arguments, **named: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(toy, home, broken)
    monkeypatch.undo()
    run(toy, home, broken)
    assert f"resumed at epoch 5 of 5 from {broken / FILE_NAME}" in (broken / "log.txt").read_text()
    for name in ("checkpoint.safetensors", "assignments.h5"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()
    assert not (broken / FILE_NAME).exists()


@pytest.mark.parametrize("damage", ["cut off", "other settings", "other seed"])
def test_a_state_that_does_not_fit_is_ignored_with_one_warning(toy, home, tmp_path, monkeypatch, damage):
    monkeypatch.setattr(session, "write_history", lambda *arguments, **named: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(toy, home, tmp_path)
    monkeypatch.undo()
    path = tmp_path / FILE_NAME
    if damage == "cut off":
        path.write_bytes(path.read_bytes()[:-1])
    run(toy, home, tmp_path, seed=int(damage == "other seed"), **({"alpha": 0.5} if damage == "other settings" else {}))
    log = (tmp_path / "log.txt").read_text()
    why = {"cut off": "a safetensors file", "other settings": "another settings", "other seed": "another seed"}[damage]
    (warning,) = (line for line in log.splitlines() if "WARNING" in line)
    assert str(path) in warning
    assert why in warning
    assert "resumed" not in log
    assert not path.exists()


@pytest.mark.slow
def test_stage_1_finds_the_places_well_above_chance(toy, tmp_path):
    home = toy.write_toy(tmp_path / "home", num_recordings=8, per_recording=48, noise=0.4)
    changes = {"warmup_epochs": 2, "joint_epochs": 5, "refinement_epochs": 5}
    history = read_history(run(toy, home, tmp_path / "run", **changes) / "history.jsonl")
    last = history.epochs[-1]
    assert last["clusters"]["hungarian"] > 0.8
    assert last["clusters"]["hungarian"] > history.run["shuffled_clusters"]["hungarian"] + 0.4
    assert last["clusters_confident"]["hungarian"] >= last["clusters_ambiguous"]["hungarian"]
    assert last["video_accuracy_unseen"] > 0.8
