import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from detach_core.contracts.metrics import ALL_LABELS, Interval
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import write_windows
from detach_core.evaluation.evaluate import Units, evaluate_protocols
from detach_core.evaluation.label_curve import (
    CurvePoint,
    LabelCurve,
    collapse_words,
    labelled_rows,
    looked_at_rows,
    looks,
    memberships,
)
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


def measure(windows, split, features, shared=None, **changes):
    settings = dataclasses.replace(LabelCurveSettings(counts=(1, 2), draws=3, looks=()), **changes)
    curve = LabelCurve(windows, split, settings, "fit_and_choice", INTERVAL, torch.device("cpu"))
    return curve.measured(features, shared)


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


@pytest.mark.parametrize(
    ("kind", "count", "name"),
    [
        ("labels", 1, "by_recording, 1 label"),
        ("labels", 5, "by_recording, 5 labels"),
        ("labels", None, f"by_recording, {ALL_LABELS}"),
        ("named clusters", 28, "by_recording, 28 named clusters"),
        ("random looks", 1, "by_recording, 1 random look"),
        ("video labels", None, "by_recording, all video labels"),
    ],
)
def test_a_point_s_name_tells_what_is_known_and_how_much(kind, count, name):
    point = CurvePoint("by_recording", kind, count)
    assert point.name == name
    assert CurvePoint.of_name(name) == point


@pytest.mark.parametrize("name", ["by_recording", "by_recording, 3 marks", "paper, few labels", "3 labels"])
def test_another_name_is_no_point(name):
    with pytest.raises(ValueError, match=name):
        CurvePoint.of_name(name)


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
    expected = {"counts": [1, 4], "draws": 10, "c": 1.0, "looks": [1, 2, 4], "video_c": 0.01}
    assert to_plain(LabelCurveSettings(counts=(1, 4))) == expected


@pytest.mark.parametrize("count", [1, 4, 99])
def test_random_looks_take_whole_gestures_whatever_their_class(count):
    windows = make_windows(num_recordings=6)
    units = Units(windows, features_of(windows, 0.1))
    rows = np.arange(10, len(units.label))
    chosen = looked_at_rows(units, rows, count, np.random.default_rng(0))
    taken = np.unique(units.instance[chosen])
    assert len(taken) == min(count, len(np.unique(units.instance[rows])))
    np.testing.assert_array_equal(chosen, rows[np.isin(units.instance[rows], taken)])


def test_the_nearest_of_a_cluster_s_own_units_is_looked_at():
    # Units 0 to 4 by centres 0 to 3. Centre 3 is nearest to none; unit 4 is nearer to centre 2 than 3, but not allowed.
    distance = np.array([[1, 5, 6, 7], [2, 5, 6, 7], [9, 3, 6, 7], [9, 9, 4, 7], [9, 9, 1, 7]], dtype=float)
    np.testing.assert_array_equal(looks(distance, np.array([0, 1, 2, 3])), [0, 2, 3, -1])
    np.testing.assert_array_equal(looks(distance, np.array([3, 1])), [1, -1, 3, -1])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_memberships_are_those_of_fuzzy_c_means(seed):
    rng = np.random.default_rng(seed)
    distance, name = rng.uniform(0.1, 3.0, size=(7, 5)), np.array([2, 0, -1, 2, 3])
    found = memberships(distance, name, 5)
    for row, of_unit in zip(found, distance, strict=True):
        near = {label: min(of_unit[name == label]) for label in (0, 2, 3)}
        expected = [1 / sum((near[k] / near[j]) ** 2 for j in near) if k in near else 0.0 for k in range(5)]
        np.testing.assert_allclose(row, expected, rtol=1e-12)
        assert row.argmax() == name[np.where(name >= 0, of_unit, np.inf).argmin()]


def test_a_unit_at_a_centre_belongs_to_its_class_alone():
    found = memberships(np.array([[0.0, 2.0], [1.0, 0.0]]), np.array([1, 0]), 3)
    np.testing.assert_array_equal(found, [[0, 1, 0], [1, 0, 0]])


@pytest.mark.parametrize("unit", ["window", "recording"])
def test_separable_clusters_need_one_look_each_where_random_looks_miss_a_class(tmp_path, unit):
    if unit == "window":
        windows = make_windows(num_recordings=8)
        parts = make_split(tmp_path, windows)
    else:
        windows = make_windows(unit, num_recordings=24, num_subjects=4)
        parts = make_split(tmp_path, windows, hold_out="subjects", held_out=["S4"], folds=2)
    curve = measure(windows, parts, features_of(windows, 0.01), looks=(1,), draws=10)
    held_out = "by_recording" if unit == "window" else "by_subject"
    for protocol in (held_out, "paper"):
        named, random = curve[f"{protocol}, 3 named clusters"], curve[f"{protocol}, 3 random looks"]
        assert (named.f1_weighted, named.map, named.f1_weighted_low) == (1.0, 1.0, 1.0)
        assert named.n_test == random.n_test == len(named.predictions[0].unit)
        assert random.f1_weighted < 0.95
        np.testing.assert_array_equal(named.predictions[0].unit, random.predictions[0].unit)


def test_clusters_of_noise_have_chance_s_metrics(tmp_path):
    windows = make_windows(num_recordings=8, repeats=8)
    parts = make_split(tmp_path, windows)
    noise = np.random.default_rng(5).normal(size=(windows.num_windows, 3)).astype(np.float32)
    one = measure(windows, parts, noise, looks=(2,), draws=20)["by_recording, 6 named clusters"]
    assert one.f1_weighted_low < one.chance_f1_weighted < one.f1_weighted_high
    assert one.map_low < one.chance_map < one.map_high


def test_windows_of_a_cluster_that_no_look_has_named_take_the_name_of_the_next(tmp_path):
    windows = make_windows(num_recordings=8)
    parts = make_split(tmp_path, windows)
    features = features_of(windows, 0.001)
    # Half of class 0 of the pretraining and of the tested part lies apart, as none of the training part does.
    for ids in (parts.pretrain, parts.held_out):
        features[ids[windows.label[ids] == 0][::2], 0] += 1.5
    four = dataclasses.replace(windows, class_names=("Class 0", "Class 1", "Class 2", "Class 3"))
    curve = measure(four, parts, features, looks=(1,))
    assert curve["by_recording, 4 named clusters"].f1_weighted == 1.0


def test_clusters_see_no_label_but_those_of_the_looks(tmp_path):
    windows = make_windows(num_recordings=8)
    parts = make_split(tmp_path, windows)
    features = features_of(windows, 0.4)
    hidden = windows.label.copy()
    hidden[parts.pretrain] = np.random.default_rng(0).integers(3, size=len(parts.pretrain))
    first, second = (
        measure(dataclasses.replace(windows, label=one), parts, features, looks=(2,)) for one in (windows.label, hidden)
    )
    for name in ("by_recording, 6 named clusters", "paper, 6 named clusters"):
        for one, other in zip(first[name].predictions, second[name].predictions, strict=True):
            np.testing.assert_array_equal(one.probabilities, other.probabilities)


def test_labels_of_the_video_serve_the_sensors_whatever_their_scale(tmp_path):
    windows = make_windows(num_recordings=6)
    parts = make_split(tmp_path, windows)
    sensor, video = features_of(windows, 0.02), 40.0 - 7.0 * features_of(windows, 0.02)[:, ::-1]
    swapped = 3.0 + 5.0 * features_of(windows, 0.02)[:, [1, 2, 0]]
    curve = measure(windows, parts, sensor, shared=(-sensor[:, ::-1].copy(), video))
    for point in ("1 video label", "2 video labels", "all video labels"):
        assert curve[f"by_recording, {point}"].f1_weighted == 1.0
    # A video that shows another class each time teaches the sensors that one.
    assert measure(windows, parts, sensor, shared=(sensor, swapped))["by_recording, all video labels"].f1_weighted == 0


def test_a_video_like_the_sensors_gives_the_sensors_own_metrics(tmp_path):
    windows = make_windows(num_recordings=6)
    parts = make_split(tmp_path, windows)
    features = features_of(windows, 0.6)
    curve = measure(windows, parts, features, shared=(features, features), c=0.3, video_c=0.3)
    for count in ("1", "2", "all"):
        one, other = (next(v for k, v in curve.items() if f", {count} {kind}" in k) for kind in ("label", "video"))
        for a, b in zip(one.predictions, other.predictions, strict=True):
            np.testing.assert_allclose(a.probabilities, b.probabilities, atol=1e-4)


def test_a_video_of_noise_teaches_nothing(tmp_path):
    windows = make_windows(num_recordings=8, repeats=8)
    parts = make_split(tmp_path, windows)
    noise = np.random.default_rng(5).normal(size=(windows.num_windows, 3)).astype(np.float32)
    curve = measure(windows, parts, noise, shared=(noise[::-1].copy(), noise), draws=20)
    one = curve["by_recording, 2 video labels"]
    assert one.f1_weighted_low < one.chance_f1_weighted < one.f1_weighted_high


def test_a_method_without_a_shared_space_has_no_video_labels(tmp_path):
    windows = make_windows(num_recordings=6)
    curve = measure(windows, make_split(tmp_path, windows), features_of(windows, 0.1))
    assert not any("video" in name for name in curve)


@pytest.mark.parametrize(
    ("alike", "words"),
    [
        ((False, False), ""),
        ((False, True), "mean cosine of the shared space's video features 1.000"),
        ((True, False), "mean cosine of the shared space's sensor features 1.000"),
    ],
)
def test_features_that_have_collapsed_are_named_where_they_are_used(tmp_path, alike, words):
    windows = make_windows(num_recordings=6)
    parts, features = make_split(tmp_path, windows), features_of(windows, 0.1)
    shared = tuple(1.0 + 1e-3 * features if one else features for one in alike)
    assert collapse_words(shared) == words
    curve = measure(windows, parts, features, shared=shared)
    assert curve["by_recording, 2 video labels"].collapse == words
    assert curve["by_recording, 2 labels"].collapse == ""
