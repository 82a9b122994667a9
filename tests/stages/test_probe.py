import dataclasses
import json

import numpy as np
import pytest

from detach_core.contracts.classifier import read_classifier
from detach_core.contracts.embeddings import Embeddings, write_embeddings
from detach_core.contracts.metrics import read_metrics
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.windows import write_windows
from detach_core.stages.probe import probe
from detach_core.stages.split import split
from tests.fixtures.artifacts import make_windows

PROBE = {
    "kind": "logistic",
    "c": [0.1, 1.0],
    "class_weights": "fit_and_choice",
    "inner_folds": 3,
    "bootstrap": 200,
    "confidence": 0.95,
}
SPLIT = {"name": "default", "seed": 0, "pretrain": 0.5, "activation_quantile": 0.99}


def prepare(folder, windows, hold_out="recordings", held_out=("S1-R2", "S2-R3"), folds=4, fold_draws=1):
    write_windows(folder / "windows.h5", windows)
    settings = SPLIT | {"hold_out": hold_out, "held_out": list(held_out), "folds": folds, "fold_draws": fold_draws}
    split(
        settings=json.dumps(settings),
        windows_path=folder / "windows.h5",
        split_path=folder / "split.json",
        log_path=folder / "split.log",
    )


def embed(windows, **changes):
    rng = np.random.default_rng(0)
    features = (np.eye(5)[windows.label] + 0.3 * rng.normal(size=(windows.num_windows, 5))).astype(np.float32)
    embeddings = Embeddings(
        features={"sensor": features},
        method="detach",
        variant="detach",
        split="default",
        seed=0,
        probed="spatial and temporal",
        dataset=windows.dataset,
        source="simulated",
        video_init="scratch",
        provenance=make_provenance(stage="embed", source="simulated", settings={}, seed=0),
    )
    return dataclasses.replace(embeddings, **changes)


def run(folder, embeddings, name="metrics.json", others=(), candidates=({},), part=None, **changes):
    paths = [folder / f"embeddings{place}.h5" for place in range(1 + len(others))]
    for path, one in zip(paths, (embeddings, *others), strict=True):
        write_embeddings(path, one)
    settings = {"probe": PROBE | changes, "candidates": candidates, "device": "cpu", "threads": 1, **(part or {})}
    probe(
        settings=json.dumps(settings),
        windows_path=folder / "windows.h5",
        split_path=folder / "split.json",
        embeddings_paths=paths,
        metrics_path=folder / name,
        classifier_path=folder / "classifier.safetensors",
        log_path=folder / "probe.log",
    )
    return folder / name


def test_metrics_name_what_was_probed_and_hold_both_protocols(tmp_path):
    windows = make_windows()
    prepare(tmp_path, windows)
    metrics = read_metrics(run(tmp_path, embed(windows)))
    assert (metrics.method, metrics.probed, metrics.video_init) == ("detach", "spatial and temporal", "scratch")
    assert metrics.null_windows == "drop"
    assert set(metrics.protocols) == {"paper", "by_recording"}
    assert metrics.protocols["by_recording"].f1_weighted > 0.9
    assert metrics.provenance.inputs.keys() == {"windows", "split", "embeddings"}
    assert "by_recording: F1" in (tmp_path / "probe.log").read_text()


def test_the_same_input_gives_the_same_bytes(tmp_path):
    windows = make_windows()
    prepare(tmp_path, windows)
    one, again = (run(tmp_path, embed(windows), name).read_bytes() for name in ("a.json", "b.json"))
    assert one == again


def test_the_classifier_is_the_probe_of_the_held_out_protocol(tmp_path):
    windows = make_windows(class_names=("Open Fridge", "Close Fridge", "Tidy"))
    prepare(tmp_path, windows)
    made = make_provenance(stage="embed", source="simulated", settings={}, inputs={"checkpoint": "c0"})
    run(tmp_path, embed(windows, provenance=made))
    found = read_classifier(tmp_path / "classifier.safetensors")
    assert (found.dataset, found.variant, found.run, found.split) == ("opportunity", "detach", "detach", "default")
    assert (found.protocol, found.label_unit, found.feature, found.target) == (
        "by_recording",
        "window",
        "sensor",
        "class",
    )
    assert found.class_names == ["Open Fridge", "Close Fridge", "Tidy"]
    assert (found.class_places, found.class_actions) == (["Fridge", "Fridge", ""], ["Open", "Close", ""])
    assert found.provenance.inputs["checkpoint"] == "c0"
    predictions = read_metrics(tmp_path / "metrics.json").protocols["by_recording"].predictions[0]
    feature = embed(windows).features["sensor"][predictions.unit].astype(np.float64)
    mean, std, weight, bias = (found.tensors[name].numpy() for name in ("mean", "std", "coefficients", "intercept"))
    scores = (feature - mean) / std @ weight + bias
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predictions.probabilities, expected, atol=1e-6)
    before = (tmp_path / "classifier.safetensors").read_bytes()
    run(tmp_path, embed(windows, provenance=made))
    assert (tmp_path / "classifier.safetensors").read_bytes() == before


def test_sequences_are_the_units_of_a_dataset_that_is_labelled_by_recording(tmp_path):
    windows = make_windows("recording", num_recordings=24, num_subjects=4)
    prepare(tmp_path, windows, "subjects", ["S4"], folds=3, fold_draws=4)
    metrics = read_metrics(run(tmp_path, embed(windows)))
    assert metrics.protocols["by_subject"].n_test == 6
    for one in metrics.protocols.values():
        assert len(one.predictions) == 4
        assert one.confusion.sum() == 4 * one.n_test
    assert len(metrics.protocols["paper"].choices) == 12
    assert "(n = 6, 4 draws of folds)" in (tmp_path / "probe.log").read_text()
    assert metrics.null_windows == "keep"


def test_windows_without_a_label_are_told(tmp_path):
    windows = make_windows()
    windows.label[::7] = -1
    prepare(tmp_path, windows, folds=3)
    assert read_metrics(run(tmp_path, embed(windows))).null_windows == "keep"


def test_the_authors_probe_is_named(tmp_path):
    windows = make_windows()
    prepare(tmp_path, windows)
    assert read_metrics(run(tmp_path, embed(windows), kind="authors")).probe == "authors"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"split": "other"}, "split: found other, expected default"),
        ({"dataset": "hwu_usp"}, "dataset: found hwu_usp"),
        ({"source": "local"}, "source: found local"),
        ({"features": {"sensor": np.zeros((3, 2), np.float32)}}, "sensor: found 3 rows, expected 144 rows"),
    ],
)
def test_embeddings_of_something_else_are_refused(tmp_path, capfd, changes, words):
    windows = make_windows()
    prepare(tmp_path, windows)
    with pytest.raises(SystemExit):
        run(tmp_path, embed(windows, **changes))
    assert words in capfd.readouterr().err
    assert not (tmp_path / "metrics.json").exists()


def noisy(windows, **changes):
    features = np.random.default_rng(7).normal(size=(windows.num_windows, 5)).astype(np.float32)
    return embed(windows, features={"sensor": features}, **changes)


RATE = {"optimizer": {"lr": 3e-4}}


def test_a_search_takes_the_better_candidate_in_each_fold_and_says_what_it_tried(tmp_path):
    windows = make_windows()
    prepare(tmp_path, windows)
    alone = read_metrics(run(tmp_path, embed(windows)))
    better = embed(windows, variant="detach+1")
    found = read_metrics(run(tmp_path, noisy(windows), others=[better], candidates=[{}, RATE]))
    assert (found.variant, found.candidates) == ("detach", ({}, RATE))
    assert found.strengths == (0.1, 1.0)
    assert found.provenance.inputs.keys() == {"windows", "split", "embeddings", "embeddings+1"}
    assert read_classifier(tmp_path / "classifier.safetensors").run == "detach+1"
    for name, one in found.protocols.items():
        assert [choice.candidate for choice in one.choices] == [1] * len(one.choices)
        assert all(np.shape(choice.inner_loss) == (2, 2) for choice in one.choices)
        assert one.f1_weighted == alone.protocols[name].f1_weighted
    assert "probing detach and 1 other settings of it" in (tmp_path / "probe.log").read_text()
    assert "by_recording: F1" in (tmp_path / "probe.log").read_text()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "primus"}, "method: found primus, expected detach"),
        ({"seed": 1}, "seed: found 1, expected 0"),
        ({"probed": "head"}, "probed: found head, expected spatial and temporal"),
        ({"split": "other"}, "split: found other, expected default"),
    ],
)
def test_a_candidate_of_something_else_is_refused(tmp_path, capfd, changes, words):
    windows = make_windows()
    prepare(tmp_path, windows)
    with pytest.raises(SystemExit):
        run(tmp_path, embed(windows), others=[embed(windows, **changes)], candidates=[{}, RATE])
    assert "embeddings1.h5: " + words in capfd.readouterr().err


def test_a_half_of_the_feature_is_a_row_of_its_own(tmp_path):
    windows = make_windows()
    prepare(tmp_path, windows)
    whole = embed(windows)
    noise = np.random.default_rng(1).normal(size=(windows.num_windows, 3)).astype(np.float32)
    both = dataclasses.replace(whole, features={**whole.features, "sensor_temporal": noise})
    part = {"half": "temporal", "target": "class", "variant": "detach-temporal-half"}
    metrics = read_metrics(run(tmp_path, both, part=part))
    assert (metrics.variant, metrics.method, metrics.probed) == ("detach-temporal-half", "detach", "sensor temporal")
    assert metrics.protocols["by_recording"].f1_weighted < 0.6
    classifier = read_classifier(tmp_path / "classifier.safetensors")
    assert (classifier.variant, classifier.run) == ("detach-temporal-half", "detach")
    assert (classifier.feature, classifier.tensors["mean"].shape) == ("sensor_temporal", (3,))


@pytest.mark.parametrize(("target", "probed"), [("place", "statistics for place"), ("class", "statistics")])
def test_the_whole_feature_is_probed_for_a_part_of_the_class(tmp_path, target, probed):
    windows = make_windows(class_names=("Open Fridge", "Close Fridge", "Open Door 1"))
    prepare(tmp_path, windows)
    part = {"half": "whole", "target": target, "variant": "statistics-place"}
    metrics = read_metrics(run(tmp_path, embed(windows, variant="statistics", probed="statistics"), part=part))
    assert (metrics.variant, metrics.probed) == ("statistics-place", probed)
    assert set(metrics.class_names) == ({"Fridge", "Door 1"} if target == "place" else set(windows.class_names))
    classifier = read_classifier(tmp_path / "classifier.safetensors")
    assert (classifier.feature, classifier.target, classifier.run) == ("sensor", target, "statistics")


def test_what_meets_the_video_is_a_row_of_its_own(tmp_path):
    windows = make_windows()
    prepare(tmp_path, windows)
    whole = embed(windows, method="comodo", variant="comodo")
    noise = np.random.default_rng(1).normal(size=(windows.num_windows, 3)).astype(np.float32)
    both = dataclasses.replace(whole, features={**whole.features, "sensor_shared": noise})
    part = {"half": "shared", "target": "class", "variant": "comodo-projection"}
    metrics = read_metrics(run(tmp_path, both, part=part))
    assert (metrics.variant, metrics.method) == ("comodo-projection", "comodo")
    assert metrics.probed == "sensor: projection into the video's space"
    assert metrics.protocols["by_recording"].f1_weighted < 0.6
    assert read_metrics(run(tmp_path, both)).protocols["by_recording"].f1_weighted > 0.9


def test_a_half_that_is_not_there_is_refused(tmp_path, capsys):
    windows = make_windows()
    prepare(tmp_path, windows)
    with pytest.raises(SystemExit):
        run(tmp_path, embed(windows), part={"half": "spatial", "target": "class", "variant": "x"})
    message = capsys.readouterr().err
    assert "sensor_spatial" in message
    assert "halves" in message


def test_a_probe_for_the_action_has_its_classes(tmp_path):
    windows = make_windows(class_names=("Open Fridge", "Close Fridge", "Open Door 1"))
    prepare(tmp_path, windows)
    whole = embed(windows)
    both = dataclasses.replace(whole, features={**whole.features, "sensor_temporal": whole.features["sensor"]})
    part = {"half": "temporal", "target": "action", "variant": "detach-temporal-action"}
    metrics = read_metrics(run(tmp_path, both, part=part))
    assert metrics.class_names == ("Open", "Close")
    assert metrics.probed == "sensor temporal for action"
    classifier = read_classifier(tmp_path / "classifier.safetensors")
    assert (classifier.target, classifier.class_names, classifier.class_places) == (
        "action",
        ["Open", "Close"],
        [""] * 2,
    )
    assert set(metrics.protocols["paper"].per_class) == {"Open", "Close"}
    assert metrics.protocols["by_recording"].f1_weighted > 0.9


def test_the_own_start_is_probed_on_the_same_units_and_its_figures_stand_beside(tmp_path):
    windows = make_windows()
    prepare(tmp_path, windows)
    embeddings = embed(windows)
    start = np.random.default_rng(1).normal(size=embeddings.sensor.shape).astype(np.float32)
    metrics = read_metrics(
        run(tmp_path, dataclasses.replace(embeddings, features=embeddings.features | {"start": start}))
    )
    alone = read_metrics(run(tmp_path, dataclasses.replace(embeddings, features={"sensor": start}), "start.json"))
    without = read_metrics(run(tmp_path, embeddings, "without.json"))
    for name, one in metrics.protocols.items():
        assert one.start.f1_weighted == pytest.approx(alone.protocols[name].f1_weighted, abs=1e-9)
        assert one.start.map == pytest.approx(alone.protocols[name].map, abs=1e-9)
        assert one.start.f1_weighted < 0.5 < one.f1_weighted == without.protocols[name].f1_weighted
        np.testing.assert_array_equal(one.start.predictions[0].unit, one.predictions[0].unit)
        assert without.protocols[name].start is None


def test_a_half_is_compared_with_the_same_half_of_the_start(tmp_path):
    windows = make_windows()
    prepare(tmp_path, windows)
    embeddings = embed(windows)
    good = embeddings.sensor
    noise = np.random.default_rng(1).normal(size=good.shape).astype(np.float32)
    features = {"sensor": noise, "sensor_spatial": noise, "start": noise, "start_spatial": good}
    path = run(
        tmp_path,
        dataclasses.replace(embeddings, features=features),
        part={"half": "spatial", "target": "class", "variant": "detach-spatial-half"},
    )
    assert read_metrics(path).protocols["paper"].start.f1_weighted > 0.9


def test_metrics_say_which_candidate_s_training_collapsed(tmp_path):
    windows = make_windows()
    prepare(tmp_path, windows)
    words = "mean cosine of the sensor features 0.991"
    other = embed(windows, variant="detach+1", collapse=words)
    path = run(tmp_path, embed(windows), others=(other,), candidates=({}, {"optimizer": {"lr": 1e-3}}))
    assert read_metrics(path).collapse == ("", words)
    assert f"the training of detach+1 has collapsed: {words}" in (tmp_path / "probe.log").read_text()
