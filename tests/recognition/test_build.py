"""Windows that calibrate a recogniser, and what is fitted on them."""

from dataclasses import replace

import numpy as np

from detach_core.contracts.recognizer import read_description
from detach_core.contracts.split import Fold
from detach_core.contracts.windows import read_windows
from detach_core.recognition.build import build_recognizer, calibrating, held_out, resampling_of
from detach_core.recognition.recognizer import Recognizer
from detach_core.recognition.settings import RecognizerJob, RecognizerSettings
from tests.fixtures.recognizers import copied, make_recognizer, parts_of
from tests.test_interface import probed


def test_it_is_calibrated_on_windows_that_nothing_has_seen(run, home, split):
    windows, _, checkpoint, classifier = parts_of(run, home)
    found = held_out(windows, split, checkpoint, classifier, RecognizerJob())
    assert found.exact
    assert set(found.rows) == set(split.held_out)
    assert not set(found.rows) & (set(split.pretrain) | set(split.downstream))
    assert found.kind == "gesture"  # two recordings could promise no more than 2 of 3
    mask = calibrating(found.group, 0.25, np.random.default_rng(0))
    assert not set(found.group[mask]) & set(found.group[~mask])
    assert len(np.unique(found.group[mask])) == len(np.unique(found.group)) // 4


def test_probabilities_of_held_out_windows_are_those_of_the_graph(run, home, split, tmp_path):
    folder = make_recognizer(copied(run, tmp_path), home)
    windows, _, checkpoint, classifier = parts_of(run, home)
    found = held_out(windows, split, checkpoint, classifier, RecognizerJob())
    temperature = read_description(folder).calibration.temperature
    scaled = found.logits / temperature
    expected = np.exp(scaled) / np.exp(scaled).sum(axis=1, keepdims=True)
    sensor = np.asarray(read_windows(home / "windows.h5").sensor)[found.rows]
    np.testing.assert_allclose(Recognizer.load(folder).probabilities(sensor), expected, atol=1e-5)


def test_where_recordings_are_labelled_single_windows_are_named(toy, sequence_home, split, tmp_path):
    probed(toy, sequence_home, split, "statistics", tmp_path / "run")
    folder = make_recognizer(tmp_path / "run", sequence_home)
    windows, own, checkpoint, classifier = parts_of(tmp_path / "run", sequence_home)
    found = held_out(windows, own, checkpoint, classifier, RecognizerJob())
    assert found.logits.shape == (len(own.held_out), 2)
    assert (found.label == windows.label[found.rows]).all()
    assert not np.allclose(found.probe.std, classifier.tensors["std"])  # of windows and not of means
    assert (
        read_description(folder).measures["smoothed"].accuracy >= read_description(folder).measures["window"].accuracy
    )


def test_where_nothing_is_held_out_each_window_is_named_without_its_fold(run, home, split, tmp_path):
    windows, _, checkpoint, classifier = parts_of(run, home)
    rows = np.sort(split.downstream)
    parts = [rows[place::3] for place in range(3)]
    none = np.empty(0, np.int64)
    folds = tuple(Fold(np.setdiff1d(rows, part), none, part) for part in parts)
    rotating = replace(split, protocols={"paper": folds})
    found = held_out(windows, rotating, checkpoint, replace(classifier, protocol="paper"), RecognizerJob())
    assert not found.exact
    assert sorted(found.rows) == sorted(rows)
    again = held_out(windows, rotating, checkpoint, replace(classifier, protocol="paper"), RecognizerJob())
    np.testing.assert_array_equal(found.logits, again.logits)
    # The probe of the new windows has seen these, so that its own logits are others.
    np.testing.assert_allclose(found.probe.mean, classifier.tensors["mean"])
    description = build_recognizer(
        tmp_path / "recognizer",
        windows=windows,
        split=rotating,
        checkpoint=checkpoint,
        classifier=replace(classifier, protocol="paper"),
        job=RecognizerJob(recognizer=RecognizerSettings(coverage=0.8)),
        provenance=classifier.provenance,
    )
    assert not description.thresholds["window"].exact


def test_smoothed_labels_promise_nothing_where_windows_were_left_out(run, home, split):
    windows, _, checkpoint, classifier = parts_of(run, home)
    found = held_out(windows, split, checkpoint, classifier, RecognizerJob())
    assert found.is_gapless
    fewer = replace(
        split, protocols={"by_recording": (replace(split.protocols["by_recording"][0], test=found.rows[::2]),)}
    )
    assert not held_out(windows, fewer, checkpoint, classifier, RecognizerJob()).is_gapless


def test_states_are_held_and_other_signals_are_not():
    assert resampling_of(("state", "logical")) == "previous"
    assert resampling_of(("state", "milli g")) == "nearest"
