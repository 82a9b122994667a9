import numpy as np
import pytest

from detach_core.foundation.errors import ContractError
from detach_core.windows.splitting import build_protocols, partition, unit_of


def rng(seed=0):
    return np.random.default_rng(seed)


def split(windows, hold_out="recordings", held_out=("S1-R2", "S2-R3"), pretrain=0.6, folds=5, fold_draws=1, seed=0):
    parts = partition(windows, hold_out=hold_out, held_out=list(held_out), pretrain=pretrain, rng=rng(seed))
    return parts, build_protocols(
        windows, parts, hold_out=hold_out, num_folds=folds, fold_draws=fold_draws, rng=rng(seed + 1)
    )


def test_recordings_are_held_out_whole_and_the_rest_is_divided_by_window(make_windows):
    windows = make_windows()
    parts, _ = split(windows)
    assert set(windows.recording[parts["held_out"]]) == {2, 3}
    assert set(windows.recording[parts["pretrain"]]) == {0, 1}
    assert sorted(np.concatenate(list(parts.values()))) == list(range(windows.num_windows))
    rest = len(parts["pretrain"]) + len(parts["downstream"])
    assert len(parts["pretrain"]) == round(0.6 * rest)


def test_subjects_are_held_out_whole_and_the_rest_is_divided_by_recording(make_windows):
    windows = make_windows("recording", num_recordings=24, num_subjects=4)
    parts, protocols = split(windows, "subjects", ["S4"], 0.5, folds=3)
    assert set(windows.subject[parts["held_out"]]) == {3}
    for a, b in (("pretrain", "downstream"), ("pretrain", "held_out"), ("downstream", "held_out")):
        assert not set(windows.recording[parts[a]]) & set(windows.recording[parts[b]])
    fold = protocols["by_subject"][0]
    assert (fold.train == parts["downstream"]).all()
    assert (fold.test == parts["held_out"]).all()
    for fold in protocols["paper"]:
        assert not len(fold.val)
        assert not set(windows.recording[fold.train]) & set(windows.recording[fold.test])


@pytest.mark.parametrize("unit", ["window", "recording"])
def test_under_the_papers_protocol_every_downstream_unit_is_tested_once(make_windows, unit):
    windows = make_windows(unit, num_recordings=24 if unit == "recording" else 4, num_subjects=4)
    parts, protocols = split(windows, "subjects", ["S4"], 0.5, folds=3)
    tested = np.concatenate([fold.test for fold in protocols["paper"]])
    assert sorted(tested) == sorted(parts["downstream"])


def test_ten_folds_of_windows_are_eight_one_one(make_windows):
    windows = make_windows(repeats=10)
    parts, protocols = split(windows, pretrain=0.5, folds=10)
    total = len(parts["downstream"])
    for fold in protocols["paper"]:
        # A class trains as often in every fold: what one fold could have more of is idle there.
        assert 0.72 * total < len(fold.train) <= total - len(fold.val) - len(fold.test)
        assert len(fold.test) == pytest.approx(total / 10, abs=1)
        assert len(fold.val) == pytest.approx(total / 10, abs=1)
        assert not set(fold.train) & set(fold.test)
        assert not set(fold.train) & set(fold.val)


@pytest.mark.parametrize("unit", ["window", "recording"])
def test_draws_of_folds_test_the_same_units_and_every_fold_trains_on_as_many_of_each_class(make_windows, unit):
    windows = make_windows(unit, num_recordings=35 if unit == "recording" else 4, num_subjects=4, repeats=7)
    parts, protocols = split(windows, "subjects", ["S4"], 0.4, folds=4, fold_draws=6)
    units = unit_of(windows)
    assert [fold.draw for fold in protocols["paper"]] == np.repeat(np.arange(6), 4).tolist()
    assert len(protocols["by_subject"]) == 1
    divisions = set()
    for draw in range(6):
        folds = protocols["paper"][4 * draw : 4 * draw + 4]
        assert sorted(np.concatenate([fold.test for fold in folds])) == sorted(parts["downstream"])
        counts = [
            np.bincount(windows.label[fold.train][np.unique(units[fold.train], return_index=True)[1]], minlength=3)
            for fold in folds
        ]
        assert all((one == counts[0]).all() for one in counts)
        assert min(counts[0]) > 0
        divisions.add(tuple(tuple(fold.test) for fold in folds))
    assert len(divisions) == 6


def test_nothing_is_held_out_for_the_papers_own_split(make_windows):
    parts, protocols = split(make_windows(), "none", [])
    assert not len(parts["held_out"])
    assert list(protocols) == ["paper", "paper_single_fold"]
    assert protocols["paper_single_fold"] == protocols["paper"][:1]


def test_the_seed_alone_decides(make_windows):
    windows = make_windows()
    one, again, other = (split(windows, seed=seed)[0]["pretrain"] for seed in (4, 4, 5))
    assert (one == again).all()
    assert (one != other).any()


def test_windows_without_a_label_are_pretrained_on_but_never_probed(make_windows):
    windows = make_windows()
    windows.label[::5] = -1
    parts, protocols = split(windows, folds=3)
    assert (windows.label[parts["pretrain"]] == -1).any()
    for folds in protocols.values():
        for fold in folds:
            assert (windows.label[np.concatenate([fold.train, fold.val, fold.test])] >= 0).all()


def test_a_class_without_a_probe_training_window_is_refused_by_name(make_windows):
    windows = make_windows(class_names=("Class 0", "Class 1", "Class 2", "Wave"))
    with pytest.raises(ContractError, match=r"paper/fold0/train: found no window of Wave.*use more recordings"):
        split(windows)


def test_an_unknown_held_out_unit_is_refused_with_the_names_there_are(make_windows):
    with pytest.raises(ContractError, match=r"found S1-R0, S2-R1, S1-R2, S2-R3, expected the held-out recordings S9"):
        split(make_windows(), held_out=["S9"])


def test_holding_out_everything_leaves_no_part_to_pretrain_on(make_windows):
    with pytest.raises(ContractError, match="pretrain: found 0 of"):
        split(make_windows(), "subjects", ["S1", "S2"])


def test_a_held_out_unit_without_windows_is_refused(make_windows):
    windows = make_windows(recording_names=("S1-R0", "S2-R1", "S1-R2", "S2-R3", "S5-R4"))
    with pytest.raises(ContractError, match="held_out: found 0 of"):
        split(windows, held_out=["S5-R4"])


def test_fewer_units_than_folds_are_refused(make_windows):
    with pytest.raises(ContractError, match=r"downstream: found 29 labelled windows, expected at least 80"):
        split(make_windows(), folds=80)


def test_held_out_units_without_a_label_cannot_be_tested(make_windows):
    windows = make_windows()
    windows.label[windows.recording >= 2] = -1
    with pytest.raises(ContractError, match="by_recording/fold0/test: found none"):
        split(windows)


def test_the_unit_of_a_window_is_itself_or_its_recording(make_windows):
    assert (unit_of(make_windows()) == np.arange(144)).all()
    windows = make_windows("recording")
    assert (unit_of(windows) == windows.recording).all()
