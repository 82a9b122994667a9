import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from detach_core.contracts.analysis import read_activation_maps
from detach_core.contracts.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import read_split, write_split
from detach_core.contracts.windows import read_windows
from detach_core.encoders.video_networks import SpatialCnn2d
from detach_core.evaluation.embedding_map import Pictures
from detach_core.methods.detach.stage2 import Detach
from detach_core.methods.registry import build_method
from detach_core.settings.base import to_plain
from detach_core.stages.activation_maps import activation_maps
from detach_core.training.batches import input_shape
from detach_core.training.randomness import seed_everything
from detach_core.training.session import normalisation_as_dict

CLASSES = ["Open Place 0", "Close Place 2", "Open Place 3"]


def save(name, toy, home, path, *, seed=3, trained=True):
    """A checkpoint as `pretrain` writes it, of weights that nobody trained but that are not those of its seed."""
    windows, split = read_windows(home / "windows.h5"), read_split(home / "split.json")
    seed_everything(seed + (100 if trained else 0))
    method = build_method(name, settings=toy.SETTINGS[name], shape=input_shape(windows))
    inputs = {"windows": windows.provenance.artifact_id, "split": split.provenance.artifact_id}
    provenance = make_provenance(stage="pretrain", source="simulated", settings={}, seed=seed, inputs=inputs)
    checkpoint = Checkpoint(
        method=name,
        settings=to_plain(toy.SETTINGS[name]),
        shape=method.shape.as_dict(),
        normalisation=normalisation_as_dict(split.normalisation),
        dataset=windows.dataset,
        class_names=list(windows.class_names),
        class_places=list(windows.class_places),
        class_actions=list(windows.class_actions),
        channel_names=list(windows.channel_names),
        window_s=windows.window_s,
        max_nan_share=windows.max_nan_share,
        flow_method=windows.flow_method,
        flow_max_px=windows.flow_max_px,
        epoch=2,
        facts={},
        tensors=method.state_dict(),
        provenance=provenance,
    )
    write_checkpoint(path, checkpoint)
    return path


@pytest.fixture(scope="module")
def runs(toy, home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return {name: save(name, toy, home, folder / f"{name}.safetensors") for name in ("detach", "primus")}


def run(home, folder, runs, *, split_path=None, **changes):
    settings = {
        "variant": "detach",
        "baseline": "primus",
        "classes": CLASSES,
        "moving": 30.0,
        "device": "cpu",
        "threads": 1,
    }
    activation_maps(
        settings=json.dumps(settings | changes),
        windows_path=home / "windows.h5",
        split_path=split_path or home / "split.json",
        checkpoint_path=runs["detach"],
        baseline_path=runs["primus"],
        maps_path=folder / "activation_maps.h5",
        log_path=folder / "activation_maps.log",
    )
    return read_activation_maps(folder / "activation_maps.h5")


def test_held_out_windows_of_the_classes_are_shown_with_their_frames(home, runs, tmp_path):
    windows, split = read_windows(home / "windows.h5"), read_split(home / "split.json")
    maps = run(home, tmp_path, runs)
    assert [windows.class_names[label] for label in windows.label[maps.window]] == CLASSES
    assert set(maps.window) <= set(split.held_out)
    assert set(maps.window) <= set(maps.measured.window)
    assert (maps.part, maps.variant, maps.baseline, maps.dataset, maps.working_hz) == (
        "held_out",
        "detach",
        "primus",
        "toy",
        5.0,
    )
    assert maps.recordings == tuple(windows.recording_names[k] for k in windows.recording[maps.window])
    np.testing.assert_array_equal(maps.start_s, windows.start_s[maps.window])
    pictures = Pictures(windows)
    np.testing.assert_array_equal(maps.frames[1], pictures.frames(maps.window[1]))
    np.testing.assert_array_equal(maps.change[2], pictures.change(maps.window[2]))
    assert maps.provenance.seed == 3
    assert maps.provenance.inputs.keys() == {"windows", "split", "checkpoint", "baseline"}


def test_the_shown_maps_are_those_of_the_checkpoints(home, toy, runs, tmp_path):
    windows = read_windows(home / "windows.h5")
    maps = run(home, tmp_path, runs)
    detach = build_method("detach", settings=toy.SETTINGS["detach"], shape=input_shape(windows))
    assert isinstance(detach, Detach)
    encoder = detach.eval().video_spatial.encoder
    assert isinstance(encoder, SpatialCnn2d)
    detach.restore(read_checkpoint(runs["detach"]).tensors)
    pixels = torch.from_numpy(windows.mean_frame[maps.window]).permute(0, 3, 1, 2) / 255.0
    with torch.no_grad():
        expected = encoder.feature_map(pixels).mean(dim=1)[:, None]
    np.testing.assert_allclose(maps.maps["spatial"].cells, expected.numpy(), rtol=1e-4, atol=1e-6)


def test_shares_before_training_are_those_of_the_seeds_own_weights(home, toy, runs, tmp_path):
    maps = run(home, tmp_path, runs)
    assert np.abs(maps.measured.share[..., 0] - maps.measured.share[..., 1]).max() > 1e-3
    untrained = {name: save(name, toy, home, tmp_path / f"{name}.safetensors", trained=False) for name in runs}
    again = run(home, tmp_path, untrained)
    np.testing.assert_allclose(again.measured.share[..., 0], again.measured.share[..., 1], atol=1e-6)
    np.testing.assert_allclose(again.measured.share[..., 1], maps.measured.share[..., 1], atol=1e-6)


def test_the_same_runs_give_the_same_bytes(home, runs, tmp_path):
    for name in "ab":
        run(home, tmp_path / name, runs)
    first, second = ((tmp_path / name / "activation_maps.h5").read_bytes() for name in "ab")
    assert first == second


def test_where_nothing_is_held_out_downstream_windows_are_shown(home, runs, tmp_path):
    split = read_split(home / "split.json")
    parts = {**split.parts, "downstream": split.held_out[::-1].copy(), "held_out": np.array([], dtype=np.int64)}
    write_split(tmp_path / "split.json", replace(split, parts=parts, protocols={}))
    maps = run(home, tmp_path, runs, split_path=tmp_path / "split.json")
    assert maps.part == "downstream"
    expected = run(home, tmp_path / "held_out", runs)
    np.testing.assert_array_equal(maps.window, expected.window)
    np.testing.assert_allclose(maps.maps["temporal"].cells, expected.maps["temporal"].cells, rtol=1e-5, atol=1e-7)


def fails(capsys, *args, **changes):
    with pytest.raises(SystemExit):
        run(*args, **changes)
    return capsys.readouterr().err


def test_a_class_without_windows_is_one_clear_line(home, runs, tmp_path, capsys):
    split = read_split(home / "split.json")
    windows = read_windows(home / "windows.h5")
    kept = split.held_out[windows.label[split.held_out] != windows.class_names.index("Close Place 2")]
    write_split(tmp_path / "split.json", replace(split, parts={**split.parts, "held_out": kept}, protocols={}))
    text = fails(capsys, home, tmp_path, runs, split_path=tmp_path / "split.json")
    assert "parts/held_out: found none, expected windows of Close Place 2" in text
    assert len(text.strip().splitlines()) == 1
    assert not (tmp_path / "activation_maps.h5").exists()


def test_a_baseline_of_another_seed_is_refused(home, toy, runs, tmp_path, capsys):
    other = save("primus", toy, home, tmp_path / "other.safetensors", seed=4)
    text = fails(capsys, home, tmp_path, {**runs, "primus": other})
    assert "other.safetensors: provenance.seed: found 4, expected 3" in text


def test_a_run_on_other_windows_is_refused_with_the_command_that_mends_it(home, runs, tmp_path, capsys):
    made = read_checkpoint(runs["detach"])
    inputs = {**made.provenance.inputs, "windows": "0" * 16}
    write_checkpoint(tmp_path / "d.safetensors", replace(made, provenance=replace(made.provenance, inputs=inputs)))
    text = fails(capsys, home, tmp_path, {**runs, "detach": tmp_path / "d.safetensors"})
    assert "d.safetensors: provenance.windows: found 0000000000000000" in text
    assert "./run snakemake" in text


def test_the_two_checkpoints_must_not_be_swapped(home, runs, tmp_path, capsys):
    text = fails(capsys, home, tmp_path, {"detach": runs["primus"], "primus": runs["detach"]})
    assert "need a variant of the method detach, got Primus" in text
