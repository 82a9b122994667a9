import json

import numpy as np
import pytest

from detach_core.contracts.split import read_split
from detach_core.contracts.windows import write_windows
from detach_core.signals.normalization import fit
from detach_core.stages.split import split
from tests.fixtures.artifacts import make_windows

SETTINGS = {
    "name": "default",
    "seed": 0,
    "hold_out": "recordings",
    "held_out": ["S1-R2", "S2-R3"],
    "pretrain": 0.5,
    "folds": 4,
    "fold_draws": 1,
    "activation_quantile": 0.99,
}


def run(folder, windows, name="split.json", **changes):
    write_windows(folder / "windows.h5", windows)
    split(
        settings=json.dumps(SETTINGS | changes),
        windows_path=folder / "windows.h5",
        split_path=folder / name,
        log_path=folder / "split.log",
    )
    return folder / name


def test_the_split_is_written_with_its_audit_and_the_statistics_of_the_pretraining_windows(tmp_path):
    windows = make_windows()
    found = read_split(run(tmp_path, windows))
    assert (found.dataset, found.name, found.seed) == ("opportunity", "default", 0)
    assert set(windows.recording[found.held_out]) == {2, 3}
    expected = fit(windows.sensor[found.pretrain], quantile=0.99)
    np.testing.assert_allclose(found.normalisation.mean, expected.mean)
    np.testing.assert_allclose(found.normalisation.activation["centred"].std, expected.activation["centred"].std)
    assert found.normalisation.std[3] == 0.0
    shared = {(pair.a, pair.b): pair.shared_s for pair in found.overlap}
    assert shared["pretrain", "downstream"] > 0
    assert shared["pretrain", "held_out"] == shared["downstream", "held_out"] == 0.0
    assert shared["by_recording/fold0/train", "by_recording/fold0/test"] == 0.0
    assert ("paper/fold3/val", "paper/fold3/test") in shared
    assert found.provenance.source == "simulated"
    assert "share" in (tmp_path / "split.log").read_text()


def test_the_same_input_gives_the_same_bytes(tmp_path):
    windows = make_windows()
    assert run(tmp_path, windows, "a.json").read_bytes() == run(tmp_path, windows, "b.json").read_bytes()


def test_another_number_of_folds_leaves_the_parts_as_they_are(tmp_path):
    windows = make_windows()
    one, other = (read_split(run(tmp_path, windows, folds=folds)) for folds in (4, 5))
    assert (one.pretrain == other.pretrain).all()


def test_sequences_by_subject(tmp_path):
    windows = make_windows("recording", num_recordings=24, num_subjects=4)
    found = read_split(run(tmp_path, windows, hold_out="subjects", held_out=["S4"], folds=3))
    assert all(pair.shared_s == 0.0 and pair.shared_instances == 0 for pair in found.overlap)
    assert set(found.protocols) == {"paper", "by_subject"}


def test_the_papers_own_split_holds_out_nothing(tmp_path):
    found = read_split(run(tmp_path, make_windows(), hold_out="nothing", held_out=[]))
    assert set(found.protocols) == {"paper", "paper_single_fold"}
    assert len(found.held_out) == 0


def test_a_planted_shared_instance_ends_the_stage_with_one_line_and_no_file(tmp_path, capfd):
    windows = make_windows()
    windows.instance[windows.recording == 3] = 0
    with pytest.raises(SystemExit):
        run(tmp_path, windows)
    message = capfd.readouterr().err
    assert "held_out" in message
    assert "1 instances in both" in message
    assert "Traceback" not in message
    assert not (tmp_path / "split.json").exists()


def test_a_class_that_no_training_window_has_ends_the_stage(tmp_path, capfd):
    with pytest.raises(SystemExit):
        run(tmp_path, make_windows(class_names=("Class 0", "Class 1", "Class 2", "Wave")))
    assert "no window of Wave" in capfd.readouterr().err
    assert not (tmp_path / "split.json").exists()
