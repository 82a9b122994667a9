from __future__ import annotations

import hashlib

import numpy as np
import pytest

from detach_core.contracts.truth import read_truth
from detach_core.datasets.registry import build_adapter
from detach_core.simulation.reed_switches import reed_switches

SHORT = {
    "takes": {"ADL4": {"script": "adl", "length_s": 40, "rounds": 2}},
    "video": {"image_px": [64, 48]},
}


def _digests(paths):
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


@pytest.fixture(scope="module")
def written(make_opportunity, tmp_path_factory):
    root = tmp_path_factory.mktemp("opportunity")
    simulation = make_opportunity(**SHORT)
    simulation.write_shared(root)
    return simulation, root, simulation.write("S1-ADL4", root)


def test_the_demo_is_dense_and_long_enough(demo_performances):
    traces = [performance.trace for performance in demo_performances.values()]
    labelled_s = sum(action.end_s - action.start_s for trace in traces for action in trace.actions)
    total_s = sum(trace.duration_s for trace in traces)
    # With a stride of 1 s, the windows whose centre is labelled are as many as the labelled seconds.
    assert labelled_s == pytest.approx(1250, rel=0.06)
    assert total_s == pytest.approx(50 * 60, rel=0.06)
    assert labelled_s / total_s >= 0.40


def test_a_recording_is_the_same_to_the_bit_whatever_else_is_simulated(written, make_opportunity, tmp_path):
    _, _, paths = written
    simulation = make_opportunity(**SHORT)
    simulation.perform("S2-ADL4")
    assert _digests(simulation.write("S1-ADL4", tmp_path)) == _digests(paths)


def test_subjects_takes_and_seeds_give_other_recordings(make_opportunity, demo_performances):
    first = demo_performances["S1-ADL4"].trace
    assert first.person != demo_performances["S2-ADL4"].trace.person
    assert first.person == demo_performances["S1-Drill"].trace.person
    other = make_opportunity(seed=1).perform("S1-ADL4").trace
    assert [action.label for action in other.actions] != [action.label for action in first.actions]


def test_the_adapter_reads_back_what_was_written(written, demo_datasets):
    simulation, root, _ = written
    section = demo_datasets["opportunity"]
    recording = build_adapter("opportunity", section["native"], classes=section["classes"]).read_recording(
        root, "S1-ADL4"
    )
    performance = simulation.perform("S1-ADL4")
    actions = performance.trace.actions
    labelled = [each for each in recording.annotations if each.label >= 0]
    assert [section["classes"][each.label] for each in labelled] == [action.label for action in actions]
    jitter_s = simulation.knobs.clocks.label_jitter_s + 2 / 30
    for each, action in zip(labelled, actions, strict=True):
        assert each.start_s == pytest.approx(action.start_s, abs=jitter_s)
        assert each.end_s == pytest.approx(action.end_s, abs=jitter_s)
    assert recording.remarks == ()
    _, ambient, _ = simulation.sensors(performance.trace)
    for index, name in enumerate(recording.channel_names):
        np.testing.assert_array_equal(recording.sensor[:, index], ambient[name].astype(np.float32))


def test_truth_knows_what_is_handled_and_how_far_it_is_open(written):
    simulation, root, _ = written
    truth = read_truth(root / "truth" / "S1-ADL4.h5")
    trace = simulation.perform("S1-ADL4").trace
    for action in trace.actions:
        middle = round((action.start_s + action.end_s) / 2 * truth.sensor_hz)
        assert truth.location_names[truth.location[middle]] == action.fixture
    assert set(np.unique(truth.location)) <= {-1, *range(7)}
    assert truth.extra["opening_Fridge"].shape == truth.location.shape


def test_switches_fire_where_the_truth_says_but_for_their_faults_and_clocks(opportunity, drill):
    """A contact missed while its fixture stays shut is wrong for long, so one switch may be; all together are not."""
    agreement = []
    time_s, ambient, _ = opportunity.sensors(drill.trace)
    for contact in reed_switches(opportunity.home, seed=opportunity.knobs.seed):
        opening = np.interp(time_s, drill.trace.time_s, drill.trace.opening[contact.fixture])
        agree = ambient[f"REED SWITCH {contact.name}"] == contact.faultless(opening)
        agreement.append(agree.mean())
    assert min(agreement) > 0.7
    assert np.mean(agreement) > 0.93


def test_faultless_switches_on_exact_clocks_agree_with_the_truth_throughout(make_opportunity, drill):
    simulation = make_opportunity(
        switches={"missed": 0.0, "spurious_hz": 0.0, "bounce_s": 0.0}, clocks={"offset_s": 0.0, "wander_s": 0.0}
    )
    time_s, ambient, _ = simulation.sensors(drill.trace)
    rows = np.floor(time_s * 100 + 1e-6).astype(int)
    for contact in reed_switches(simulation.home, seed=simulation.knobs.seed):
        expected = contact.faultless(drill.trace.opening[contact.fixture][rows])
        np.testing.assert_array_equal(ambient[f"REED SWITCH {contact.name}"], expected)


def test_door_actions_show_on_their_own_accelerometer_alone(opportunity, drill):
    """Knocks on one door are independent of the other's handling, so medians over actions tell them apart."""
    time_s, ambient, _ = opportunity.sensors(drill.trace)

    def liveliness(word, fixture):
        signal = np.column_stack([ambient[f"Accelerometer {word} acc{axis}"] for axis in "XYZ"])
        spans = [
            signal[(time_s >= action.start_s) & (time_s < action.end_s)]
            for action in drill.trace.actions
            if action.fixture == fixture
        ]
        return np.median([np.nanstd(span, axis=0).max() for span in spans])

    assert liveliness("DOOR1", "Door 1") > 1.5 * liveliness("DOOR2", "Door 1")
    assert liveliness("DOOR2", "Door 2") > 1.5 * liveliness("DOOR1", "Door 2")


def test_durations_of_the_handlings_follow_the_committed_figures(demo_performances):
    spans = {}
    for performance in demo_performances.values():
        for action in performance.trace.actions:
            spans.setdefault(action.label, []).append(action.end_s - action.start_s)
    assert np.mean(spans["Open Door 1"]) == pytest.approx(3.76, rel=0.25)
    assert np.mean(spans["Close Drawer 2"]) == pytest.approx(1.78, rel=0.25)
    means = [np.mean(values) for values in spans.values()]
    assert np.mean(means) == pytest.approx(2.73, rel=0.06)


def test_only_the_fixtures_of_the_classes_are_handled(make_opportunity):
    trace = make_opportunity(classes=["Open Fridge", "Close Fridge"]).perform("S1-ADL4").trace
    assert {action.fixture for action in trace.actions} == {"Fridge"}


def test_the_uci_layout_has_one_text_file_and_no_tracks(make_opportunity, tmp_path):
    paths = make_opportunity(layout="uci", **SHORT).write("S1-ADL4", tmp_path)
    assert (tmp_path / "S1-ADL4.dat").is_file()
    assert not [path for path in paths if path.suffix == ".srt"]
