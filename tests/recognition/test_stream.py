"""A stream in any pieces against the whole recording, against the workflow's windows, and what is refused."""

import ast
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detach_core.contracts.recognizer import read_description
from detach_core.contracts.recording import Recording
from detach_core.foundation.errors import ContractError, UserError
from detach_core.recognition.recognizer import Recognizer, table_of
from detach_core.windows.packing import cut_windows


@pytest.fixture(scope="module", params=[(False, 2.0), (True, 0.7)], ids=["window", "smoothed"])
def recognizer(run_folder, request):
    """One whose windows touch, and one whose windows overlap."""
    smoothing, stride_s = request.param
    folder = run_folder / "recognizer"
    description = replace(read_description(folder), stride_s=stride_s)
    return Recognizer(description, folder / "recognizer.onnx", smoothing=smoothing)


@pytest.fixture(scope="module")
def plain(run_folder):
    return Recognizer.load(run_folder)


def draw(plain, *, seconds=20, rate_hz=30.0, seed=0, begin_s=0.0):
    """(samples, times): noise, steps and lost samples."""
    rng = np.random.default_rng(seed)
    samples = rng.normal(size=(round(seconds * rate_hz), len(plain.channel_names))).cumsum(axis=0) * 0.05
    samples[rng.random(samples.shape) < 0.02] = np.nan
    return samples, begin_s + np.arange(len(samples)) / rate_hz


def in_pieces(recognizer, samples, times, cuts, **given):
    stream, events = recognizer.stream(**given), []
    for first, end in zip([0, *cuts], [*cuts, len(samples)], strict=True):
        events += stream.push(samples[first:end], times[first:end])
    return events + stream.finish()


@given(
    cuts=st.lists(st.integers(0, 600), max_size=12).map(sorted),
    gaps=st.lists(st.tuples(st.integers(1, 599), st.floats(0.0, 400.0)), max_size=3),
    jitter=st.floats(0.0, 0.9),
    begin_s=st.sampled_from([0.0, -3.3, 1.7e9 + 0.123]),
    previous=st.booleans(),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_stream_in_any_pieces_is_named_as_the_whole(recognizer, cuts, gaps, jitter, begin_s, previous):
    samples, times = draw(recognizer, begin_s=begin_s)
    times = times + jitter / 30.0 * np.random.default_rng(1).random(len(times))
    for place, length_s in gaps:
        times[place:] += length_s
    resampling = "previous" if previous else "nearest"
    whole = in_pieces(recognizer, samples, times, [], resampling=resampling)
    assert in_pieces(recognizer, samples, times, cuts, resampling=resampling) == whole
    if not previous:
        assert list(recognizer.events(samples, times)) == whole
    assert len(whole) >= (2 if gaps else 8)


def test_samples_one_by_one_are_named_as_the_whole(recognizer):
    samples, times = draw(recognizer, seconds=8)
    expected = recognizer.predict(samples, times)
    found = table_of(in_pieces(recognizer, samples, times, range(1, len(samples))))
    assert found.equals(expected)
    assert list(expected) == ["start", "end", "label", "place", "action", "probability", "known"]


def test_a_window_is_named_as_soon_as_the_next_sample_is_there(plain):
    samples, times = draw(plain, seconds=3)
    stream = plain.stream()
    assert stream.push(samples[:60], times[:60]) == []
    (event,) = stream.push(samples[60:61], times[60:61])
    assert (event.start_s, event.end_s) == (0.0, 2.0)


def test_a_clock_that_has_moved_on_completes_windows_of_states(plain):
    stream = plain.stream(resampling="previous")
    values = np.zeros((1, len(plain.channel_names)))
    assert stream.push(values, [10.0]) == []
    assert [event.start_s for event in stream.advance(17.0)] == [10.0, 12.0, 14.0]
    assert stream.advance(17.0) == []
    with pytest.raises(UserError, match="behind"):
        stream.push(values, [16.0])
    assert [event.start_s for event in stream.push(values + 1.0, [20.5])] == [16.0, 18.0]


def recording_of(windows, **changes):
    """A recording of windows of 2 s one behind the other."""
    sensor = np.concatenate([window.T for window in np.asarray(windows.sensor)[:20]])
    return Recording(
        recording_id="r",
        subject="s",
        sensor=sensor,
        time_s=np.arange(len(sensor)) / 30.0,
        sensor_hz=30.0,
        channel_names=windows.channel_names,
        channel_units=windows.channel_units,
        annotations=(),
        video_path=None,
        video_hz=5.0,
        **changes,
    )


def test_windows_are_cut_and_named_as_in_the_workflow(plain, windows):
    recording = recording_of(windows)
    lost = recording.sensor.copy()
    lost[100:110, 2] = np.nan
    lost[300:380, 1] = np.nan
    recording = replace(recording, sensor=lost, time_s=recording.time_s + 0.9)
    part = cut_windows(
        recording,
        seen=np.ones(10_000, dtype=np.bool_),
        working_hz=5.0,
        length_s=plain.description.window_s,
        stride_s=plain.description.stride_s,
        max_nan_share=plain.description.max_nan_share,
    )
    found = plain.predict(recording)
    np.testing.assert_array_equal(found["start"], part.start_s)
    probability = plain.probabilities(part.sensor.read(0, len(part.start_s)))
    np.testing.assert_array_equal(found["probability"], probability.max(axis=1))
    assert list(found["label"]) == [plain.class_names[best] for best in probability.argmax(axis=1)]
    np.testing.assert_array_equal(found["known"], found["probability"] > plain.threshold.probability)


def test_other_order_units_and_rate_give_the_same_events(plain):
    samples, times = draw(plain, seconds=10)
    expected = plain.predict(samples, times)
    names = plain.channel_names[::-1]
    assert plain.predict(samples[:, ::-1], times, channel_names=names).equals(expected)
    twice = np.repeat(samples, 2, axis=0)
    assert plain.predict(twice, times.repeat(2) + np.tile([0.0, 1 / 60], len(times))).equals(expected)
    assert plain.predict(twice, rate_hz=60.0).equals(expected)
    assert plain.predict(np.c_[samples, samples[:, 0]], times, channel_names=(*plain.channel_names, "new")).equals(
        expected
    )


def test_a_gap_has_no_events_and_ends_in_a_moment(plain):
    samples, times = draw(plain, seconds=20)
    times[300:] += 1e9
    found = plain.predict(samples, times)
    assert found["start"].is_monotonic_increasing
    assert len(found) < 25
    assert not ((found["start"] > 12) & (found["start"] < 1e9)).any()


def test_a_channel_without_samples_is_0_and_a_window_without_any_is_left_out(plain):
    samples, times = draw(plain, seconds=10)
    dead = samples.copy()
    dead[:, 3] = np.nan
    zero = samples.copy()
    zero[:, 3] = 0.0
    assert plain.predict(dead, times).equals(plain.predict(zero, times))
    dead[60:180] = np.nan
    assert not set(plain.predict(dead, times)["start"]) & {2.0, 4.0}


def test_memory_keeps_a_window_of_samples(plain):
    samples, times = draw(plain, seconds=4000)
    stream = plain.stream()
    largest = 0
    for first in range(0, len(samples), 50):
        stream.push(samples[first : first + 50], times[first : first + 50])
        largest = max(largest, len(stream._time_s))
    assert largest < 300


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda samples, times: (samples.T, times), r"shape \(8, 300\)"),
        (lambda samples, times: (samples[:, 1:], times), r"expected \(n, 8\)"),
        (lambda samples, times: (samples[1:], times), r"\(299, 8\) and \(300,\)"),
        (lambda samples, times: (samples, times[::-1]), r"time_s\[1\]: found .* behind"),
        (lambda samples, times: (samples, np.where(times > 5, np.nan, times)), r"time_s\[151\]: found nan"),
        (lambda samples, times: (np.where(times[:, None] > 5, np.inf, samples), times), r"samples\[151\].*infinity"),
        (lambda samples, times: (samples.astype(str), times), "expected real numbers"),
        (lambda samples, times: (samples, times * 10), "about 3 samples a second, expected at least 15"),
    ],
)
def test_samples_that_do_not_fit_are_one_sentence(plain, change, said):
    with pytest.raises(UserError, match=said) as caught:
        plain.stream().push(*change(*draw(plain, seconds=10)))
    assert "\n" not in str(caught.value)


def test_times_and_rates_that_do_not_fit_are_one_sentence(plain):
    samples, times = draw(plain, seconds=10)
    with pytest.raises(UserError, match="found 299 times for 300 samples"):
        plain.predict(samples, times[1:])
    with pytest.raises(UserError, match="rate_hz: found nan"):
        plain.predict(samples, rate_hz=float("nan"))


def test_a_refused_push_takes_nothing(plain):
    samples, times = draw(plain, seconds=10)
    stream = plain.stream()
    events = stream.push(samples[:150], times[:150])
    with pytest.raises(UserError):
        stream.push(samples[150:], times[:150])
    events += stream.push(samples[150:], times[150:])
    assert events + stream.finish() == list(plain.events(samples, times))


def test_a_recogniser_loads_neither_torch_nor_video():
    code = "import sys, detach_core.recognition.recognizer as _; import onnxruntime; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "cv2", "av"} & set(ast.literal_eval(done.stdout))


@pytest.mark.parametrize("content", [None, b"", b"no graph"])
def test_a_graph_that_is_none_is_refused(run_folder, tmp_path, content):
    folder = shutil.copytree(run_folder / "recognizer", tmp_path / "recognizer")
    (folder / "recognizer.onnx").unlink()
    if content is not None:
        (folder / "recognizer.onnx").write_bytes(content)
    with pytest.raises(
        ContractError, match=r"recognizer.onnx: file: found .*expected an ONNX file; run the rule"
    ) as caught:
        Recognizer.load(folder)
    assert "\n" not in str(caught.value)


def test_a_graph_of_another_recogniser_is_refused(run_folder, tmp_path):
    folder = shutil.copytree(run_folder / "recognizer", tmp_path / "recognizer")
    text = (folder / "recognizer.json").read_text()
    (folder / "recognizer.json").write_text(text.replace('"stage": "recognizer"', '"stage": "another"'))
    with pytest.raises(ContractError, match="artifact_id"):
        Recognizer.load(folder)
