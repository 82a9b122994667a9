import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from detach_core.contracts.checkpoint import read_checkpoint, read_snapshots, write_checkpoint
from detach_core.contracts.embeddings import read_embeddings
from detach_core.contracts.history import read_history
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import read_windows
from detach_core.stages.embed import embed
from detach_core.stages.pretrain import pretrain
from detach_core.stages.pretrain_spatial import pretrain_spatial
from detach_core.training import session
from detach_core.training.resume import FILE_NAME


def run_spatial(toy, home, folder, **changes):
    path = folder / "spatial.safetensors"
    pretrain_spatial(
        settings=toy.job_text("detach_spatial", **changes),
        windows_path=home / "windows.h5",
        split_path=home / "split.json",
        checkpoint_path=path,
        history_path=folder / "spatial.jsonl",
        assignments_path=folder / "assignments.h5",
        seed=0,
        log_path=folder / "spatial.log",
    )
    return path


def run(toy, home, folder, name, spatial=None, **changes):
    pretrain(
        settings=toy.job_text(name, **changes),
        windows_path=home / "windows.h5",
        split_path=home / "split.json",
        spatial_path=spatial,
        checkpoint_path=folder / "checkpoint.safetensors",
        history_path=folder / "history.jsonl",
        snapshots_path=folder / "snapshots.safetensors",
        seed=0,
        log_path=folder / "pretrain.log",
    )
    return folder


@pytest.fixture(scope="module")
def spatial(toy, home, tmp_path_factory):
    return run_spatial(toy, home, tmp_path_factory.mktemp("spatial"))


def test_detach_stands_on_stage_1_and_repeats_bit_for_bit(toy, home, spatial, tmp_path):
    first, second = (run(toy, home, tmp_path / name, "detach", spatial) for name in ("a", "b"))
    for name in ("checkpoint.safetensors", "snapshots.safetensors"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    checkpoint, stage_1 = read_checkpoint(first / "checkpoint.safetensors"), read_checkpoint(spatial)
    assert checkpoint.settings["spatial_settings"] == stage_1.settings
    assert checkpoint.provenance.inputs["spatial"] == stage_1.provenance.artifact_id
    ours = checkpoint.tensors["sensor_spatial.encoder.projection.weight"]
    assert ours.equal(stage_1.tensors["sensor.projection.weight"])
    assert sorted(read_snapshots(first / "snapshots.safetensors").epochs) == [0, 1, 2]
    assert read_history(first / "history.jsonl").epochs[-1]["losses"]["contrastive"] > 0


@pytest.mark.parametrize("name", ["random_encoder", "statistics", "supervised"])
def test_controls_write_all_that_the_rule_promises(toy, home, tmp_path, name):
    folder = run(toy, home, tmp_path, name)
    assert read_checkpoint(folder / "checkpoint.safetensors").method == name
    assert read_snapshots(folder / "snapshots.safetensors").epochs == {}
    assert read_history(folder / "history.jsonl").epochs[0]["epoch"] == 0


def test_supervised_trains_where_recordings_have_labels(toy, sequence_home, tmp_path):
    folder = run(toy, sequence_home, tmp_path, "supervised")
    row = read_history(folder / "history.jsonl").epochs[-1]
    assert row["windows"] % 24 == 0


def test_stage_1_of_other_windows_is_refused(toy, sequence_home, spatial, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(toy, sequence_home, tmp_path, "detach", spatial)
    assert "rerun the rule `pretrain_spatial`" in capsys.readouterr().err
    assert not (tmp_path / "checkpoint.safetensors").exists()


def test_a_run_that_failed_while_it_wrote_goes_on_and_tidies_up(toy, home, spatial, tmp_path, monkeypatch):
    whole, broken = run(toy, home, tmp_path / "whole", "detach", spatial), tmp_path / "broken"
    monkeypatch.setattr(session, "write_history", lambda *arguments, **named: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(toy, home, broken, "detach", spatial)
    assert (broken / FILE_NAME).is_file()
    monkeypatch.undo()
    run(toy, home, broken, "detach", spatial)
    assert f"resumed at epoch 2 of 2 from {broken / FILE_NAME}" in (broken / "pretrain.log").read_text()
    for name in ("checkpoint.safetensors", "snapshots.safetensors"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()
    assert not (broken / FILE_NAME).exists()


def test_the_state_of_a_run_on_another_stage_1_is_ignored(toy, home, spatial, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "write_history", lambda *arguments, **named: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(toy, home, tmp_path, "detach", spatial)
    monkeypatch.undo()
    # The same settings on the same inputs, and yet other weights: its stage was changed and run again.
    other = read_checkpoint(spatial)
    other.tensors["sensor.projection.weight"].mul_(2.0)
    write_checkpoint(tmp_path / "other.safetensors", other)
    run(toy, home, tmp_path, "detach", tmp_path / "other.safetensors")
    log = (tmp_path / "pretrain.log").read_text()
    assert "starts from the beginning: it is of a training with another Stage 1" in log
    assert "resumed" not in log


@pytest.mark.slow
def test_what_stage_2_learns_beats_the_random_encoder_on_held_out_recordings(toy, tmp_path):
    home = toy.write_toy(tmp_path / "home", num_recordings=10, per_recording=48, noise=0.4)
    windows, split = read_windows(home / "windows.h5"), read_split(home / "split.json")
    spatial = run_spatial(toy, home, tmp_path, warmup_epochs=2, joint_epochs=5, refinement_epochs=5)
    accuracy = {}
    for name, path in (("detach", spatial), ("random_encoder", None)):
        folder = run(toy, home, tmp_path / name, name, path, **({"epochs": 15} if path else {}))
        embed(
            settings='{"variant": "x", "device": "cpu", "threads": 1}',
            windows_path=home / "windows.h5",
            split_path=home / "split.json",
            checkpoint_path=folder / "checkpoint.safetensors",
            embeddings_path=folder / "embeddings.h5",
            log_path=folder / "embed.log",
        )
        feature = read_embeddings(folder / "embeddings.h5").sensor
        feature = (feature - feature[split.downstream].mean(axis=0)) / (feature[split.downstream].std(axis=0) + 1e-6)
        probe = LogisticRegression(max_iter=3000).fit(feature[split.downstream], windows.label[split.downstream])
        accuracy[name] = np.mean(probe.predict(feature[split.held_out]) == windows.label[split.held_out])
    assert accuracy["detach"] > accuracy["random_encoder"] + 0.1
    weight = read_history(tmp_path / "detach" / "history.jsonl").epochs[-1]["pairs"]["weight"]
    assert weight["hard"] > weight["easy"] > weight["false"]
