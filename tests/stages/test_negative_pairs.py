import json
from dataclasses import replace

import numpy as np
import pytest

from detach_core.contracts.analysis import read_negative_pairs
from detach_core.contracts.checkpoint import read_checkpoint, read_snapshots, write_checkpoint, write_snapshots
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import read_windows, write_windows
from detach_core.stages.negative_pairs import negative_pairs
from detach_core.stages.pretrain import pretrain
from detach_core.stages.pretrain_spatial import pretrain_spatial


@pytest.fixture(scope="module")
def trained(toy, home, tmp_path_factory):
    """A folder with a short training of DETACH."""
    folder = tmp_path_factory.mktemp("trained")
    shared = {"windows_path": home / "windows.h5", "split_path": home / "split.json", "log_path": folder / "x.log"}
    pretrain_spatial(
        settings=toy.job_text("detach_spatial", warmup_epochs=1, joint_epochs=1, refine=False),
        checkpoint_path=folder / "spatial.safetensors",
        history_path=folder / "spatial.jsonl",
        assignments_path=folder / "spatial.h5",
        seed=0,
        **shared,
    )
    pretrain(
        settings=toy.job_text("detach"),
        spatial_path=folder / "spatial.safetensors",
        checkpoint_path=folder / "checkpoint.safetensors",
        history_path=folder / "history.jsonl",
        snapshots_path=folder / "snapshots.safetensors",
        seed=4,
        **shared,
    )
    return folder


def run(home, trained, folder, *, changed=None, **changes):
    settings = {"variant": "soft", "device": "cpu", "threads": 1, "snapshots": [0.0, 0.5, 1.0], "windows": 30} | changes
    paths = {
        "windows_path": home / "windows.h5",
        "split_path": home / "split.json",
        "checkpoint_path": trained / "checkpoint.safetensors",
        "snapshots_path": trained / "snapshots.safetensors",
    }
    negative_pairs(
        settings=json.dumps(settings),
        **(paths | (changed or {})),
        pairs_path=folder / "pairs.h5",
        log_path=folder / "pairs.log",
    )
    return folder / "pairs.h5"


def refusal(capsys, folder, home, trained, **kwargs):
    with pytest.raises(SystemExit):
        run(home, trained, folder, **kwargs)
    assert not (folder / "pairs.h5").exists()
    return capsys.readouterr().err


def test_pairs_of_pretraining_windows_are_written_for_every_snapshot(home, trained, tmp_path):
    pairs, windows = read_negative_pairs(run(home, trained, tmp_path)), read_windows(home / "windows.h5")
    assert [one.epoch for one in pairs.snapshots] == [0, 1, 2]
    assert len(pairs.window) == 30
    assert set(pairs.window) <= set(read_split(home / "split.json").pretrain)
    np.testing.assert_array_equal(pairs.label, windows.label[pairs.window])
    places = [windows.class_names[label].split(" ", 1)[1] for label in pairs.label]
    assert np.array(pairs.place_names)[pairs.place].tolist() == places
    assert (pairs.kind >= 0).sum() == 30 * 29 / 2
    assert (pairs.dataset, pairs.split, pairs.variant, pairs.method) == ("toy", "default", "soft", "detach")
    assert (pairs.seed, pairs.provenance.seed, pairs.num_epochs) == (4, 4, 2)
    assert pairs.provenance.inputs.keys() == {"windows", "split", "checkpoint"}
    assert not np.array_equal(pairs.snapshots[0].weight, pairs.snapshots[2].weight)


def test_pairs_by_net_change_are_the_same_at_every_snapshot(toy, home, trained, tmp_path):
    folder = tmp_path / "net_change"
    folder.mkdir()
    pretrain(
        settings=toy.job_text("detach", temporal_similarity="net_change", temporal_gain=2.0, temporal_cue="trend"),
        windows_path=home / "windows.h5",
        split_path=home / "split.json",
        spatial_path=trained / "spatial.safetensors",
        checkpoint_path=folder / "checkpoint.safetensors",
        history_path=folder / "history.jsonl",
        snapshots_path=folder / "snapshots.safetensors",
        seed=4,
        log_path=folder / "x.log",
    )
    pairs = read_negative_pairs(run(home, folder, tmp_path))
    first, last = pairs.snapshots[0], pairs.snapshots[-1]
    np.testing.assert_array_equal(first.temporal_similarity, last.temporal_similarity)
    np.testing.assert_array_equal(first.weight, last.weight)
    hard, false = (last.temporal_similarity[pairs.kind == pairs.kind_names.index(name)] for name in ("hard", "false"))
    assert hard.max() < 0 < false.min()


def test_a_second_run_writes_the_same_bytes(home, trained, tmp_path):
    first, second = run(home, trained, tmp_path / "a"), run(home, trained, tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()


def test_a_small_part_is_shown_whole(home, trained, tmp_path):
    pairs = read_negative_pairs(run(home, trained, tmp_path, windows=256))
    np.testing.assert_array_equal(pairs.window, read_split(home / "split.json").pretrain)


def test_a_missing_epoch_is_named_with_the_command_that_makes_it(home, trained, tmp_path, capsys):
    snapshots = read_snapshots(trained / "snapshots.safetensors")
    path = tmp_path / "snapshots.safetensors"
    write_snapshots(
        path,
        {epoch: snapshots.epochs[epoch] for epoch in (0, 2)},
        num_epochs=2,
        provenance=snapshots.provenance,
    )
    message = refusal(capsys, tmp_path, home, trained, changed={"snapshots_path": path})
    for part in (str(path), "[0, 2]", "[0, 1, 2]", f"./run snakemake --forcerun pretrain {path}"):
        assert part in message
    assert "snapshots" in refusal(capsys, tmp_path, home, trained, snapshots=[])


def test_snapshots_of_another_run_are_refused(home, trained, tmp_path, capsys):
    snapshots = read_snapshots(trained / "snapshots.safetensors")
    path = tmp_path / "snapshots.safetensors"
    write_snapshots(path, snapshots.epochs, num_epochs=2, provenance=replace(snapshots.provenance, seed=5))
    assert "provenance" in refusal(capsys, tmp_path, home, trained, changed={"snapshots_path": path})


@pytest.mark.parametrize("change", ["method", "windows"])
def test_a_run_that_cannot_be_shown_is_refused(home, trained, tmp_path, capsys, change):
    checkpoint, path = read_checkpoint(trained / "checkpoint.safetensors"), tmp_path / "checkpoint.safetensors"
    if change == "method":
        other = replace(checkpoint, method="random_encoder")
    else:
        inputs = {**checkpoint.provenance.inputs, "windows": "0123"}
        other = replace(checkpoint, provenance=replace(checkpoint.provenance, inputs=inputs))
    write_checkpoint(path, other)
    message = refusal(capsys, tmp_path, home, trained, changed={"checkpoint_path": path})
    assert str(path) in message
    assert ("variant of detach" if change == "method" else "provenance.windows") in message


def test_classes_that_tell_no_action_are_refused_in_one_sentence(home, trained, tmp_path, capsys):
    windows = read_windows(home / "windows.h5")
    path = tmp_path / "windows.h5"
    count = len(windows.class_names)
    names = tuple(f"activity {k}" for k in range(count))
    write_windows(path, replace(windows, class_names=names, class_places=names, class_actions=("",) * count))
    message = refusal(capsys, tmp_path, home, trained, changed={"windows_path": path})
    assert "class_actions" in message
    assert "activity 0" in message
    assert "Traceback" not in message
