import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from detach_core.contracts.metrics import Interval
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import Split
from detach_core.evaluation import evaluate as evaluation
from detach_core.evaluation.evaluate import Units, evaluate_protocols
from detach_core.evaluation.metrics import chance_level
from detach_core.evaluation.probes import fit_logistic_probes
from detach_core.signals.normalization import fit
from detach_core.windows.splitting import build_protocols, partition, rotating_folds, stratified_folds


def make_split(windows, hold_out="recordings", held_out=("S1-R2", "S2-R3"), pretrain=0.5, folds=4, fold_draws=1):
    parts = partition(
        windows, hold_out=hold_out, held_out=list(held_out), pretrain=pretrain, rng=np.random.default_rng(1)
    )
    protocols = build_protocols(
        windows, parts, hold_out=hold_out, num_folds=folds, fold_draws=fold_draws, rng=np.random.default_rng(2)
    )
    provenance = make_provenance(stage="split", source="simulated", settings={})
    norm = fit(windows.sensor, quantile=0.99)
    return Split(windows.dataset, "default", 0, parts, norm, protocols, (), provenance, fold_draws)


def evaluate(windows, split, features, **changes):
    return evaluation_of(windows, split, features, **changes).results


def evaluation_of(windows, split, features, **changes):
    options: dict[str, Any] = {
        "kind": "logistic",
        "strengths": [0.1, 1.0],
        "class_weights": "fit_and_choice",
        "num_inner_folds": 3,
        "interval": Interval(200, 0.9, 0),
        "device": torch.device("cpu"),
    }
    candidates = features if isinstance(features, list) else [features]
    return evaluate_protocols(windows, split, [one.astype(np.float32) for one in candidates], **(options | changes))


def telling(windows, noise=0.3):
    rng = np.random.default_rng(4)
    return np.eye(5)[windows.label] + rng.normal(size=(windows.num_windows, 5)) * noise


def test_telling_features_are_found_and_noise_is_not(make_windows):
    windows = make_windows(repeats=6)
    split = make_split(windows)
    good = evaluate(windows, split, telling(windows))
    bad = evaluate(windows, split, np.random.default_rng(0).normal(size=(windows.num_windows, 5)))
    for protocol in ("paper", "by_recording"):
        assert good[protocol].f1_weighted > 0.9
        assert bad[protocol].f1_weighted < 0.55
        assert good[protocol].f1_weighted_low <= good[protocol].f1_weighted <= good[protocol].f1_weighted_high
        assert good[protocol].map_low <= good[protocol].map <= good[protocol].map_high


def test_the_papers_protocol_pools_one_prediction_for_each_downstream_window(make_windows):
    windows = make_windows()
    split = make_split(windows)
    result = evaluate(windows, split, telling(windows))["paper"]
    assert (result.predictions[0].unit == split.downstream).all()
    assert (result.predictions[0].label == windows.label[split.downstream]).all()
    assert result.n_test == len(split.downstream)
    assert result.n_units == len(np.unique(windows.instance[split.downstream]))
    assert len(result.choices) == 4
    assert result.confusion.sum() == result.n_test
    np.testing.assert_allclose(result.predictions[0].probabilities.sum(1), 1.0, atol=1e-12)


def test_sequences_are_classified_by_the_mean_of_their_windows(make_windows):
    windows = make_windows("recording", num_recordings=48, num_subjects=4)
    split = make_split(windows, "subjects", ["S4"])
    result = evaluate(windows, split, telling(windows, noise=1.0))
    assert set(result["by_subject"].predictions[0].unit) == set(windows.recording[split.held_out])
    assert result["by_subject"].n_test == 12
    assert result["by_subject"].f1_weighted > 0.8
    assert result["paper"].n_test == len(np.unique(windows.recording[split.downstream]))


def test_nothing_but_the_training_windows_makes_the_probe(make_windows):
    windows = make_windows()
    split = make_split(windows)
    features = telling(windows)
    changed = features.copy()
    changed[split.held_out] = 100.0
    before, after = (evaluate(windows, split, one) for one in (features, changed))
    np.testing.assert_array_equal(
        before["paper"].predictions[0].probabilities, after["paper"].predictions[0].probabilities
    )
    assert before["by_recording"].choices == after["by_recording"].choices
    untouched = split.downstream[0]
    changed = features.copy()
    changed[split.pretrain] = 100.0
    assert untouched not in split.pretrain
    after = evaluate(windows, split, changed)
    np.testing.assert_array_equal(
        before["paper"].predictions[0].probabilities, after["paper"].predictions[0].probabilities
    )


def test_windows_of_one_gesture_share_an_inner_fold_under_held_out_protocols_only(make_windows):
    windows = make_windows(repeats=8)
    units = Units(windows, telling(windows).astype(np.float32))
    rows = np.arange(60)
    grouped, loose = (evaluation._inner_folds(units, rows, 3, by, np.random.default_rng(0)) for by in (True, False))
    by_instance = [len(set(grouped[windows.instance[rows] == one])) for one in np.unique(windows.instance[rows])]
    assert set(by_instance) == {1}
    assert any(len(set(loose[windows.instance[rows] == one])) > 1 for one in np.unique(windows.instance[rows]))


def test_a_class_absent_from_the_test_is_reported_and_left_out(make_windows):
    windows = make_windows()
    held_out = windows.recording >= 2
    windows.label[held_out & (windows.label == 2)] = -1
    split = make_split(windows)
    result = evaluate(windows, split, telling(windows))["by_recording"]
    assert result.absent_classes == ("Class 2",)
    assert result.per_class["Class 2"].average_precision is None
    assert np.isfinite(result.map)


def test_the_same_input_gives_the_same_figures(make_windows):
    windows = make_windows()
    split = make_split(windows)
    one, again = (evaluate(windows, split, telling(windows))["paper"] for _ in range(2))
    assert (one.f1_weighted_low, one.map_high, one.choices) == (again.f1_weighted_low, again.map_high, again.choices)


def test_the_authors_probe_can_be_asked_for(make_windows):
    windows = make_windows()
    result = evaluate(windows, make_split(windows), telling(windows), kind="authors")
    assert result["paper"].choices == ()
    with pytest.raises(ValueError, match="chooses nothing, got 2 candidates"):
        evaluate(windows, make_split(windows), [telling(windows)] * 2, kind="authors")


def test_features_that_do_not_fit_and_unknown_kinds_are_refused(make_windows):
    windows = make_windows()
    split = make_split(windows)
    with pytest.raises(ValueError, match="features"):
        evaluate(windows, split, telling(windows)[:-1])
    with pytest.raises(ValueError, match="'svm'"):
        evaluate(windows, split, telling(windows), kind="svm")


def classifier_scores(found, features):
    return found.probe.probabilities(features.astype(np.float32).astype(np.float64))


def test_the_probe_for_new_units_is_that_of_the_held_out_protocol(make_windows):
    windows = make_windows(repeats=6)
    split, features = make_split(windows), telling(windows)
    found = evaluation_of(windows, split, features)
    expected = found.results["by_recording"].predictions[0]
    assert found.protocol == "by_recording"
    assert found.probe.c == found.results["by_recording"].choices[0].c
    np.testing.assert_array_equal(classifier_scores(found, features)[expected.unit], expected.probabilities)


def test_of_several_draws_the_first_with_the_commonest_choice_is_taken(make_windows):
    windows = make_windows("recording", num_recordings=48, num_subjects=4)
    split = make_split(windows, "subjects", ["S4"], fold_draws=9)
    found = evaluation_of(windows, split, telling(windows, noise=3.0), strengths=[0.01, 0.03, 0.1, 0.3, 1.0])
    chosen = [choice.c for choice in found.results["by_subject"].choices]
    commonest = max(chosen, key=chosen.count)
    assert len(set(chosen)) > 1
    assert found.probe.c == commonest
    first = found.results["by_subject"].choices[chosen.index(commonest)]
    assert found.probe.inner_loss == first.inner_loss


@pytest.mark.parametrize("kind", ["logistic", "authors"])
def test_where_nothing_is_held_out_a_probe_is_fitted_on_every_unit_that_the_folds_test(make_windows, kind):
    windows = make_windows()
    split, features = make_split(windows, "nothing", ()), telling(windows)
    found = evaluation_of(windows, split, features, kind=kind)
    assert found.protocol == "paper"
    assert (found.probe.c is None) == (kind == "authors")
    downstream = features[split.downstream].astype(np.float32).astype(np.float64)
    if kind == "logistic":
        np.testing.assert_allclose(found.probe.mean, downstream.mean(axis=0))
        np.testing.assert_allclose(found.probe.std, downstream.std(axis=0))
    elsewhere = features.copy()
    elsewhere[split.pretrain] = 100.0
    again = evaluation_of(windows, split, elsewhere, kind=kind)
    torch.testing.assert_close(again.probe.coefficients, found.probe.coefficients, rtol=0, atol=0)
    changed = features.copy()
    changed[split.downstream[-1]] += 5.0
    other = evaluation_of(windows, split, changed, kind=kind)
    assert not torch.equal(other.probe.coefficients, found.probe.coefficients)


def noise(windows, seed=9):
    return np.random.default_rng(seed).normal(size=(windows.num_windows, 5))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_candidate_that_tells_classes_apart_is_found_wherever_it_stands(make_windows, place):
    windows = make_windows(repeats=6)
    split = make_split(windows)
    candidates = [noise(windows, seed) for seed in range(3)]
    candidates[place] = telling(windows)
    found = evaluate(windows, split, candidates)
    alone = evaluate(windows, split, telling(windows))
    for protocol, result in found.items():
        assert {choice.candidate for choice in result.choices} == {place}
        expected = alone[protocol].predictions[0].probabilities
        np.testing.assert_array_equal(result.predictions[0].probabilities, expected)
        for choice, one in zip(result.choices, alone[protocol].choices, strict=True):
            assert choice.c == one.c
            assert len(choice.inner_loss) == 3
            assert choice.inner_loss[place] == one.inner_loss[0]
            assert min(min(row) for row in choice.inner_loss) == min(choice.inner_loss[place])


def test_of_equal_candidates_the_unchanged_one_is_taken(make_windows):
    windows = make_windows()
    result = evaluate(windows, make_split(windows), [telling(windows)] * 3)
    assert {choice.candidate for one in result.values() for choice in one.choices} == {0}


def test_candidates_are_chosen_in_each_fold_and_folds_may_differ(make_windows):
    windows = make_windows(repeats=6)
    split = make_split(windows)
    first, second = noise(windows), noise(windows, 10)
    # Each tells classes apart in one recording alone; a fold sees other shares of them.
    one, other = (telling(windows) * (windows.recording % 2 == k)[:, None] for k in (0, 1))
    result = evaluate(windows, split, [first + one, second + other])
    chosen = [choice.candidate for choice in result["paper"].choices]
    assert len(chosen) == 4
    for choice in (*result["paper"].choices, *result["by_recording"].choices):
        assert min(choice.inner_loss[choice.candidate]) == min(min(row) for row in choice.inner_loss)


def test_nothing_of_a_test_part_decides_between_candidates(make_windows):
    windows = make_windows()
    split = make_split(windows)
    candidates = [telling(windows, 0.8), telling(windows, 0.9)]
    before = evaluate(windows, split, candidates)
    for place in (0, 1):
        changed = [one.copy() for one in candidates]
        changed[place][split.held_out] = 100.0
        after = evaluate(windows, split, changed)
        assert after["by_recording"].choices == before["by_recording"].choices
        assert after["paper"].choices == before["paper"].choices
    fold = split.protocols["paper"][0]
    changed = [one.copy() for one in candidates]
    changed[1][fold.test] = 100.0
    assert evaluate(windows, split, changed)["paper"].choices[0] == before["paper"].choices[0]


def test_candidates_may_have_features_of_other_widths(make_windows):
    windows = make_windows()
    wide = np.concatenate([noise(windows), telling(windows)], axis=1)
    result = evaluate(windows, make_split(windows), [noise(windows), wide])
    assert {choice.candidate for choice in result["by_recording"].choices} == {1}


def test_figures_are_means_over_draws_of_folds_each_pooled_by_itself(make_windows):
    windows = make_windows("recording", num_recordings=48, num_subjects=4)
    split = make_split(windows, "subjects", ["S4"], fold_draws=5)
    found = evaluate(windows, split, telling(windows, noise=3.0))
    for result in found.values():
        scores = [f1_score(one.label, one.predicted, average="weighted", zero_division=0) for one in result.predictions]
        assert len(scores) == 5
        assert result.f1_weighted == pytest.approx(np.mean(scores))
        assert result.confusion.sum() == 5 * result.n_test
        by_class = [f1_score(one.label == 0, one.predicted == 0) for one in result.predictions]
        assert result.per_class["Class 0"].f1 == pytest.approx(np.mean(by_class))
    assert len({tuple(one.predicted) for one in found["paper"].predictions}) > 1
    # Held-out units have one fold; its inner folds, and so C, change with the draw.
    assert len({choice.inner_loss for choice in found["by_subject"].choices}) == 5
    once = evaluate(windows, dataclasses.replace(split, fold_draws=1), telling(windows, noise=3.0))
    assert len(once["by_subject"].predictions) == 1
    assert len(once["paper"].predictions) == 5


def test_the_authors_probe_repeats_nothing_where_nothing_is_drawn(make_windows):
    windows = make_windows("recording", num_recordings=48, num_subjects=4)
    found = evaluate(windows, make_split(windows, "subjects", ["S4"], fold_draws=2), telling(windows), kind="authors")
    assert (len(found["paper"].predictions), len(found["by_subject"].predictions)) == (2, 1)


@pytest.mark.parametrize("width", [8, 256])
def test_features_that_say_nothing_score_chance(width):
    """18 sequences of 5 classes in 5 rotating folds; chance within four standard errors of 200 draws."""
    scores, label = [], np.sort(np.arange(18) % 5)
    rng = np.random.default_rng(width)
    features = rng.normal(size=(200 * 18, width))
    folds = [
        [np.flatnonzero(role) + start for role in fold]
        for start in range(0, len(features), 18)
        for fold in rotating_folds(label, 5, rng, with_val=False)
    ]
    probes = fit_logistic_probes(
        [features],
        np.tile(label, 200),
        [train for train, _, _ in folds],
        [stratified_folds(label[train % 18], 3, rng) for train, _, _ in folds],
        strengths=[0.01, 0.1, 1.0, 10.0, 100.0],
        num_classes=5,
        class_weights="fit_and_choice",
        device=torch.device("cpu"),
    )
    for draw in range(200):
        pairs = [
            (label[test % 18], probe.probabilities(features[test]).argmax(1))
            for (_, _, test), probe in list(zip(folds, probes, strict=True))[5 * draw : 5 * draw + 5]
        ]
        true, predicted = (np.concatenate(one) for one in zip(*pairs, strict=True))
        scores.append(f1_score(true, predicted, average="weighted", zero_division=0))
    chance = chance_level(label, 5, np.random.default_rng(0)).f1_weighted
    assert np.mean(scores) == pytest.approx(chance, abs=4 * np.std(scores) / np.sqrt(200))
