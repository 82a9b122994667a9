from dataclasses import replace

import numpy as np
import pytest

from detach_core.contracts.embeddings import Assignments
from detach_core.contracts.metrics import Predictions
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.recording import Annotation, Recording
from detach_core.contracts.split import ChannelStatistics, Fold, Normalisation, Split
from detach_core.evaluation.evaluate import summarise
from detach_core.reports.timeline.content import (
    GAP,
    Event,
    build_timeline,
    embedding_clusters,
    predictions_of_tested,
    sensor_traces,
    similar_windows,
    stage_1_clusters,
    window_events,
)
from tests.fixtures.artifacts import make_metrics, make_windows

PROVENANCE = make_provenance(stage="test", source="simulated", settings={})


def recording(sensor, hz=10.0, **changes):
    sensor = np.asarray(sensor, dtype=np.float32)
    names = tuple(f"channel {k}" for k in range(sensor.shape[1]))
    return Recording(
        **{
            "recording_id": "S1-R0",
            "subject": "S1",
            "sensor": sensor,
            "time_s": np.arange(len(sensor)) / hz,
            "sensor_hz": hz,
            "channel_names": names,
            "channel_units": ("V",) * len(names),
            "annotations": (Annotation(0.0, 3.0, 0), Annotation(4.0, 6.0, -1)),
            "video_path": None,
            "video_hz": 5.0,
        }
        | changes
    )


def make_split(windows):
    """The last recording is held out, the one before it downstream, in two folds; the others are for pretraining."""
    last = windows.recording.max()
    parts = {
        "pretrain": np.flatnonzero(windows.recording < last - 1),
        "downstream": np.flatnonzero(windows.recording == last - 1),
        "held_out": np.flatnonzero(windows.recording == last),
    }
    zeros = np.zeros(4)
    statistics = ChannelStatistics(zeros, zeros)
    fold = Fold(parts["downstream"], np.array([], np.int64), parts["held_out"])
    return Split(
        dataset=windows.dataset,
        name="default",
        seed=0,
        parts=parts,
        normalisation=Normalisation(zeros, zeros, {"centred": statistics, "z": statistics}),
        protocols={"by_recording": (fold,)},
        overlap=(),
        provenance=PROVENANCE,
    )


def metrics_of(windows, tested, protocols):
    """Metrics whose probes say class 1 of every window, in two draws of .5 and .9."""
    draws = []
    for sure in (0.5, 0.9):
        probabilities = np.full((len(tested), 3), (1 - sure) / 2)
        probabilities[:, 1] = sure
        label = windows.label[tested].astype(np.int64)
        predicted = probabilities.argmax(axis=1)
        draws.append(Predictions(tested, windows.instance[tested].astype(np.int64), label, predicted, probabilities))
    made = make_metrics(class_names=windows.class_names)
    result = summarise(draws, windows.class_names, (), made.interval)
    return replace(made, protocols=dict.fromkeys(protocols, result))


@pytest.fixture
def windows():
    return make_windows()


def test_only_tested_windows_have_a_prediction_and_it_is_the_mean_of_the_draws(windows):
    tested = np.array([5, 7, 8])
    found = predictions_of_tested(metrics_of(windows, tested, ["paper"]), windows)
    assert np.flatnonzero(found.label >= 0).tolist() == tested.tolist()
    assert found.label[tested].tolist() == [1, 1, 1]
    assert found.probability[tested] == pytest.approx(0.7)
    assert np.isnan(found.probability[6])
    assert [found.protocol[k] for k in (5, 6)] == ["paper", ""]


def test_the_held_out_protocol_goes_before_another_that_tests_the_same_window(windows):
    metrics = metrics_of(windows, np.array([5]), ["by_recording", "paper"])
    assert predictions_of_tested(metrics, windows).protocol[5] == "by_recording"


def test_a_prediction_of_a_recording_is_that_of_each_of_its_windows():
    windows = make_windows("recording")
    unit = np.array([2])
    probabilities = np.array([[0.2, 0.7, 0.1]])
    draw = Predictions(unit, unit, np.array([2]), np.array([1]), probabilities)
    metrics = metrics_of(make_windows(), np.array([0]), ["paper"])
    result = replace(metrics.protocols["paper"], predictions=(draw,))
    found = predictions_of_tested(replace(metrics, protocols={"paper": result}), windows)
    assert set(found.label[windows.recording == 2]) == {1}
    assert set(found.label[windows.recording != 2]) == {-1}


def test_nothing_is_predicted_where_nothing_was_probed(windows):
    assert set(predictions_of_tested(None, windows).label) == {-1}


def test_similar_windows_share_no_time_with_the_window_nor_with_each_other():
    start_s = np.arange(12.0)
    values = np.random.default_rng(0).normal(size=(12, 5))
    for row, found in enumerate(similar_windows(values, start_s, 2.0, 4)):
        rows = [row, *(other for other, _ in found)]
        assert len(found) >= 3
        assert all(abs(start_s[a] - start_s[b]) >= 2.0 for a in rows for b in rows if a != b)
        assert [cosine for _, cosine in found] == sorted((cosine for _, cosine in found), reverse=True)


def test_the_most_similar_window_is_that_of_the_greatest_cosine_in_float64_loops():
    values = np.random.default_rng(1).normal(size=(6, 3))
    start_s = np.arange(6, dtype=np.float64) * 10

    def cosine(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True)) / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5

    for row, found in enumerate(similar_windows(values, start_s, 2.0)):
        wanted = sorted(((cosine(values[row], values[k]), k) for k in range(6) if k != row), reverse=True)
        assert [other for other, _ in found] == [k for _, k in wanted]
        assert [one for _, one in found] == pytest.approx([one for one, _ in wanted])


def test_neighbours_of_one_value_are_one_event_and_a_pause_parts_them(windows):
    start_s = np.array([0.0, 1.0, 2.0, 10.0])
    events = window_events(start_s, windows, np.array([1, 1, 2, 2]), np.array([0.4, 0.6, 0.5, 0.9]))
    assert events == (Event(0.5, 2.5, 1, 0.5), Event(2.5, 3.5, 2, 0.5), Event(10.5, 11.5, 2, 0.9))


def test_windows_without_a_value_are_no_event_and_groups_are_not_joined(windows):
    start_s = np.array([0.0, 1.0, 2.0])
    assert window_events(start_s, windows, np.array([-1, 0, -1])) == (Event(1.5, 2.5, 0),)
    found = window_events(start_s, windows, np.array([0, 0, 0]), group=["a", "b", "b"])
    assert found == (Event(0.5, 1.5, 0), Event(1.5, 3.5, 0))


def test_a_trace_has_its_bounds_its_gaps_and_a_constant_channel_is_zero():
    traces, rate_hz = sensor_traces(recording([[1.0, 7.0], [np.nan, 7.0], [3.0, 7.0]]))
    assert (traces[0].low, traces[0].high, rate_hz) == (1.0, 3.0, 10.0)
    assert traces[0].code.tolist() == [0, GAP, 254]
    assert traces[1].code.tolist() == [0, 0, 0]


def test_a_channel_without_any_value_is_a_gap():
    (trace,), _ = sensor_traces(recording([[np.nan], [np.nan]]))
    assert trace.code.tolist() == [GAP, GAP]
    assert (trace.low, trace.high) == (0.0, 0.0)


def test_a_long_trace_keeps_its_peaks_and_its_gaps():
    values = np.zeros((1000, 1))
    values[333], values[500:600] = 5.0, np.nan
    (trace,), rate_hz = sensor_traces(recording(values), max_samples=100)
    assert len(trace.code) <= 100
    assert len(trace.code) / rate_hz == pytest.approx(100.0)
    assert (trace.code == 254).sum() == 1
    peak = int(np.flatnonzero(trace.code == 254)[0]) / rate_hz
    assert peak == pytest.approx(33.3, abs=2 / rate_hz)
    assert (trace.code == GAP).sum() == pytest.approx(10, abs=2)


def test_clusters_are_found_on_the_pretraining_part_and_given_to_all_windows():
    features = np.concatenate([np.zeros((5, 2)), np.ones((5, 2)), np.zeros((1, 2))]).astype(np.float32)
    cluster = embedding_clusters(features, np.arange(10), 2, seed=0)
    assert len(set(cluster[:5])) == len(set(cluster[5:10])) == 1
    assert cluster[0] == cluster[10] != cluster[5]
    assert len(set(embedding_clusters(features, np.arange(2), 9, seed=0))) <= 2


def test_stage_1_has_no_cluster_of_a_window_that_it_did_not_see():
    made = Assignments(
        np.array([2, 0]), np.array([[0, 0], [1, 3]]), np.ones((2, 2), bool), ("start", "a"), 4, PROVENANCE
    )
    assert stage_1_clusters(made, 4).tolist() == [3, -1, 1, -1]


def test_a_timeline_says_which_windows_were_tested_and_shows_no_other_prediction(windows):
    split = make_split(windows)
    held_out = split.held_out
    metrics = metrics_of(windows, held_out, ["by_recording"])
    features = np.random.default_rng(0).normal(size=(windows.num_windows, 6)).astype(np.float32)
    shown = {"metrics": metrics, "assignments": None, "video_s": 0.0, "heading": {"recording": "x"}}
    for place, words in ((3, "held out"), (2, "no prediction is shown"), (0, "no prediction is shown")):
        one = recording(np.zeros((600, 4)), recording_id=windows.recording_names[place])
        timeline = build_timeline(one, windows, split, features, **shown)
        predicted = [one["predicted"] for one in timeline.windows]
        assert set(predicted) == ({1} if place == 3 else {-1})
        assert words in timeline.tested_words[0]
        lanes = {lane.title: lane for lane in timeline.lanes}
        assert bool(lanes["Predicted"].events) == (place == 3)
        assert lanes["True label"].events == (Event(0.0, 3.0, 0), Event(4.0, 6.0, 3))
        assert lanes["True label"].names[3] == "other activity"
        assert timeline.length_s == pytest.approx(60.0)


def test_a_timeline_without_labels_has_clusters_and_parts(windows):
    unlabelled = replace(
        windows, class_names=(), class_places=(), class_actions=(), label=np.full(windows.num_windows, -1, np.int32)
    )
    one = recording(np.zeros((600, 4)), recording_id=windows.recording_names[0], annotations=())
    features = np.random.default_rng(0).normal(size=(windows.num_windows, 6)).astype(np.float32)
    timeline = build_timeline(
        one, unlabelled, make_split(windows), features, heading={}, metrics=None, assignments=None, video_s=70.0
    )
    assert [lane.title for lane in timeline.lanes] == ["Clusters", "Part"]
    assert timeline.length_s == 70.0
