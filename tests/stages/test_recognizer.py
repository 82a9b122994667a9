import json
import shutil

import pytest

from detach_core.contracts.checkpoint import read_checkpoint
from detach_core.contracts.recognizer import read_description
from detach_core.stages.recognizer import recognizer
from tests.fixtures.recognizers import copied, make_recognizer
from tests.test_interface import probed


def test_a_recogniser_says_what_it_takes_and_gives(run, home, windows, tmp_path):
    folder = make_recognizer(copied(run, tmp_path), home)
    assert sorted(path.name for path in folder.iterdir()) == [
        "recognizer.json",
        "recognizer.onnx",
        "recognizer.safetensors",
    ]
    found = read_description(folder)
    assert [channel.name for channel in found.channels] == list(windows.channel_names)
    assert [(one.name, one.place, one.action) for one in found.classes] == list(
        zip(windows.class_names, windows.class_places, windows.class_actions, strict=True)
    )
    assert (found.rate_hz, found.window_s, found.stride_s, found.length) == (30.0, 2.0, windows.stride_s, 60)
    assert found.provenance.inputs.keys() == {"windows", "split", "checkpoint", "classifier"}
    log = (tmp_path / "run" / "recognizer.log").read_text()
    assert "statistics of toy: 8 channels, 8 classes; temperature" in log
    assert "window: known above" in log
    assert "smoothed: known above" in log


def test_the_same_input_gives_the_same_bytes(run, home, tmp_path):
    folder = copied(run, tmp_path)
    first = {path.name: path.read_bytes() for path in make_recognizer(folder, home).iterdir()}
    assert {path.name: path.read_bytes() for path in make_recognizer(folder, home).iterdir()} == first


def test_the_threshold_covers_what_it_was_fitted_on(run, home, split, tmp_path):
    folder = make_recognizer(copied(run, tmp_path), home, recognizer={"coverage": 0.8})
    threshold = read_description(folder).thresholds["window"]
    assert (threshold.wanted, threshold.coverage, threshold.exact) == (0.8, 0.8, True)
    assert 0.0 <= threshold.probability <= 1.0
    assert threshold.measured >= 0.7


def test_more_coverage_knows_less(run, home, tmp_path):
    folder = copied(run, tmp_path)
    known = []
    for coverage in (0.6, 0.97):
        make_recognizer(folder, home, recognizer={"coverage": coverage})
        known.append(read_description(folder / "recognizer").thresholds["window"].known)
    assert known[0] >= known[1]


def test_no_file_of_the_video_is_needed(run, home, tmp_path):
    for name in ("windows.h5", "split.json"):
        shutil.copy(home / name, tmp_path / name)
    assert make_recognizer(copied(run, tmp_path), tmp_path).is_dir()


def test_a_half_may_tell_the_place(toy, home, split, tmp_path):
    folder = tmp_path / "run"
    probed(toy, home, split, "random_encoder", folder, half="spatial")
    make_recognizer(folder, home, classifier="classifierspatial.safetensors")
    found = read_description(folder / "recognizer")
    assert (found.feature, found.target) == ("sensor_spatial", "place")
    assert [one.name for one in found.classes] == [f"Place {k}" for k in range(4)]
    assert [name for name in found.weights if "temporal" in name] == []


def refused(capsys, folder, home, **changes):
    paths = {
        "windows_path": home / "windows.h5",
        "split_path": home / "split.json",
        "checkpoint_paths": [folder / "checkpoint.safetensors"],
        "classifier_path": folder / "classifier.safetensors",
        "recognizer_path": folder / "recognizer",
        "log_path": folder / "log",
    }
    with pytest.raises(SystemExit):
        recognizer(settings=json.dumps({}), **paths | changes)
    assert not (folder / "recognizer").exists()
    return capsys.readouterr().err


def test_a_classifier_of_another_checkpoint_or_of_other_windows_is_refused(
    toy, run, home, sequence_home, split, tmp_path, capsys
):
    folder = copied(run, tmp_path)
    probed(toy, sequence_home, split, "statistics", tmp_path / "other")
    said = refused(capsys, folder, home, checkpoint_paths=[tmp_path / "other" / "checkpoint.safetensors"])
    assert "provenance.checkpoint: found" in said
    assert "rerun the rule `probe`" in said
    said = refused(capsys, folder, home, windows_path=sequence_home / "windows.h5")
    assert "provenance.windows: found" in said
    assert said.count("\n") == 1


def test_the_checkpoint_is_found_among_the_candidates(toy, run, home, sequence_home, split, tmp_path):
    folder = copied(run, tmp_path)
    probed(toy, sequence_home, split, "statistics", tmp_path / "other")
    recognizer(
        settings=json.dumps({}),
        windows_path=home / "windows.h5",
        split_path=home / "split.json",
        checkpoint_paths=[tmp_path / "other" / "checkpoint.safetensors", folder / "checkpoint.safetensors"],
        classifier_path=folder / "classifier.safetensors",
        recognizer_path=folder / "recognizer",
        log_path=folder / "log",
    )
    own = read_checkpoint(folder / "checkpoint.safetensors").provenance.artifact_id
    assert read_description(folder / "recognizer").provenance.inputs["checkpoint"] == own
