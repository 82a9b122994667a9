import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from detach_core.contracts.metrics import Interval
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import write_windows
from detach_core.evaluation.evaluate import Units, evaluate_protocols
from detach_core.evaluation.label_curve import label_curve, labelled_rows, protocol_name
from detach_core.evaluation.settings import LabelCurveSettings
from detach_core.settings.base import to_plain
from detach_core.stages.split import split
from tests.fixtures.artifacts import make_windows

INTERVAL = Interval(50, 0.95, 0)


def make_split(folder, windows, **changes):
    import json

    settings = {"name": "default", "seed": 0, "pretrain": 0.4, "activation_quantile": 0.99, "folds": 4, "fold_draws": 1}
    settings |= {"hold_out": "recordings", "held_out": ["S1-R2", "S2-R3"]} | changes
    write_windows(folder / "windows.h5", windows)
    paths = {"windows_path": folder / "windows.h5", "split_path": folder / "split.json"}
    split(settings=json.dumps(settings), **paths, log_path=folder / "log")
    return read_split(folder / "split.json")


def features_of(windows, noise):
    rng = np.random.default_rng(1)
    return (np.eye(3)[windows.label] + noise * rng.normal(size=(windows.num_windows, 3))).astype(np.float32)


def measure(windows, split, features, **changes):
    curve = dataclasses.replace(LabelCurveSettings(counts=(1, 2), draws=3), **changes)
    return label_curve(
        windows,
        split,
        features,
        curve=curve,
        class_weights="fit_and_choice",
        interval=INTERVAL,
        device=torch.device("cpu"),
    )


@pytest.mark.parametrize("count", [1, 2, 3, 99])
def test_every_class_has_so_many_gestures_with_all_their_windows(count):
    windows = make_windows(num_recordings=6)
    units = Units(windows, features_of(windows, 0.1))
    rows = np.arange(len(units.label))
    chosen = labelled_rows(units, rows, count, np.random.default_rng(0))
    for label in range(3):
        there = np.unique(units.instance[units.label == label])
        taken = np.unique(units.instance[chosen][units.label[chosen] == label])
        assert len(taken) == min(count, len(there))
        whole = np.flatnonzero(np.isin(units.instance, taken) & (units.label == label))
        np.testing.assert_array_equal(chosen[units.label[chosen] == label], whole)


def test_fewer_labels_are_a_part_of_more_under_one_seed():
    windows = make_windows(num_recordings=6)
    units = Units(windows, features_of(windows, 0.1))
    rows = np.arange(len(units.label))
    few, more = (set(labelled_rows(units, rows, count, np.random.default_rng(3)).tolist()) for count in (1, 3))
    assert few < more


@pytest.mark.parametrize(("count", "words"), [(1, "1 label"), (5, "5 labels"), (None, "all labels")])
def test_a_point_is_named_by_its_protocol_and_count(count, words):
    assert protocol_name("by_recording", count) == f"by_recording, {words}"


def test_all_labels_give_the_metrics_of_the_protocol_itself(tmp_path):
    windows = make_windows(num_recordings=6)
    parts = make_split(tmp_path, windows)
    features = features_of(windows, 0.6)
    curve = measure(windows, parts, features)
    assert list(curve) == ["by_recording, 1 label", "by_recording, 2 labels", "by_recording, all labels"]
    whole = evaluate_protocols(
        windows,
        parts,
        [features],
        kind="logistic",
        strengths=[1.0],
        class_weights="fit_and_choice",
        num_inner_folds=2,
        interval=INTERVAL,
        device=torch.device("cpu"),
    ).results["by_recording"]
    assert curve["by_recording, all labels"].f1_weighted == whole.f1_weighted
    assert len(curve["by_recording, 1 label"].predictions) == 3


def test_clear_features_need_one_label_and_noise_stays_at_chance(tmp_path):
    windows = make_windows(num_recordings=8, repeats=8)
    parts = make_split(tmp_path, windows)
    clear = measure(windows, parts, features_of(windows, 0.01), draws=5)
    assert clear["by_recording, 1 label"].f1_weighted == 1.0
    noise = np.random.default_rng(5).normal(size=(windows.num_windows, 3)).astype(np.float32)
    one = measure(windows, parts, noise, draws=20)["by_recording, 2 labels"]
    assert one.f1_weighted_low < one.chance_f1_weighted < one.f1_weighted_high


def test_every_method_gets_the_same_gestures(tmp_path, monkeypatch):
    import detach_core.evaluation.label_curve as module

    windows = make_windows(num_recordings=6)
    parts, trained = make_split(tmp_path, windows), []

    def recorded(_, split, *args, **options):
        trained.append(split.protocols)
        return SimpleNamespace(results={})

    monkeypatch.setattr(module, "evaluate_protocols", recorded)
    for noise in (0.1, 2.0):
        measure(windows, parts, features_of(windows, noise))
    for name in trained[0]:
        for a, b in zip(trained[0][name], trained[1][name], strict=True):
            np.testing.assert_array_equal(a.train, b.train)
            assert a.draw == b.draw


def test_a_split_without_a_held_out_part_is_measured_on_its_folds(tmp_path):
    windows = make_windows(num_recordings=6)
    parts = make_split(tmp_path, windows, hold_out="nothing", held_out=[], fold_draws=2)
    curve = measure(windows, parts, features_of(windows, 0.1))
    assert {"paper, 1 label", "paper, 2 labels", "paper, all labels"} <= set(curve)
    assert curve["paper, 1 label"].n_test == len(parts.downstream)


def test_sequences_count_as_gestures(tmp_path):
    windows = make_windows("recording", num_recordings=24, num_subjects=4)
    parts = make_split(tmp_path, windows, hold_out="subjects", held_out=["S4"], folds=2)
    curve = measure(windows, parts, features_of(windows, 0.01), counts=(1,))
    assert curve["by_subject, 1 label"].f1_weighted == 1.0


def test_settings_survive_their_json():
    assert to_plain(LabelCurveSettings(counts=(1, 4))) == {"counts": [1, 4], "draws": 10, "c": 1.0}
