from __future__ import annotations

import hashlib
import itertools
from typing import Any

import numpy as np
import pytest

from detach_core.contracts.recording import read_truth
from detach_core.datasets.adapter import check_channels
from detach_core.datasets.opportunity.text import GESTURES, ambient_columns
from detach_core.datasets.registry import build_adapter
from detach_core.foundation.errors import BadInputError
from detach_core.simulation.opportunity.recording import (
    LABEL_TRACKS,
    arm_intervals,
    columns_text,
    gesture_intervals,
    legend_text,
    locomotion,
    other_tracks,
    recording_paths,
    sensor_text,
    track_text,
    write_tracks,
)
from detach_core.simulation.opportunity.sensors import reed_switches
from detach_core.simulation.trace import Interval


def test_gestures_are_all_handlings_and_all_else_that_was_done_in_time(drill):
    gestures = gesture_intervals(drill)
    assert len(gestures) == len(drill.trace.actions) + len(drill.gestures)
    assert all(one.end_s <= other.start_s for one, other in itertools.pairwise(gestures))


def test_locomotion_covers_the_recording_without_gaps(drill):
    track = locomotion(drill.trace)
    assert track[0].start_s == 0.0
    assert track[-1].end_s == drill.trace.duration_s
    assert all(one.end_s == other.start_s for one, other in itertools.pairwise(track))
    assert {"Stand", "Walk"} <= {interval.label for interval in track}


def test_an_arm_reaches_opens_and_holds_the_object_meanwhile():
    verbs, objects = arm_intervals([Interval(5.0, 7.0, "Open Drawer 1"), Interval(7.1, 9.0, "Drink from Cup")])
    assert [interval.label for interval in verbs] == ["reach", "open", "reach", "sip"]
    assert [interval.label for interval in objects] == ["Drawer1 (top)", "Cup"]
    assert verbs[2].start_s == 7.0


def test_the_other_arm_is_idle_and_days_have_phases(demo_performances):
    performance = demo_performances["S2-ADL4"]
    tracks = other_tracks(performance, gesture_intervals(performance))
    arms = {name: tracks[f"{name}_arm"] for name in ("left", "right")}
    active = "right" if performance.trace.person.right_handed else "left"
    assert arms.pop(active)
    assert arms.popitem()[1] == []
    phases = [interval.label for interval in tracks["hl_activity"]]
    assert phases == ["Relaxing", "Early morning", "Coffee time", "Sandwich time", "Cleanup"]


# Columns as datasets.md 1.1 lists them.
KNOWN_COLUMNS = {
    "REED SWITCH DISHWASHER S1": 195,
    "REED SWITCH UPPERDRAWER": 204,
    "REED SWITCH DISHWASHER S2": 207,
    "Accelerometer DOOR1 accX": 208,
    "Accelerometer LAZYCHAIR accY": 212,
    "Accelerometer FRIDGE accZ": 231,
}


@pytest.fixture
def table():
    """The written cells of 45 samples; channel c holds 10 c, DOOR1 accX is lost in sample 2."""
    time_s = np.arange(45) / 30
    ambient = {name: np.full(45, 10.0 * column) for name, (column, _) in ambient_columns(deckchair=True).items()}
    ambient["Accelerometer DOOR1 accX"][2] = np.nan
    tracks: dict[str, list[Any]] = {name: [] for name in LABEL_TRACKS}
    tracks["ml_both_arms"] = [Interval(0.5, 1.0, "Open Door 1")]
    tracks["locomotion"] = [Interval(0.0, 1.5, "Walk")]
    text = sensor_text(time_s, ambient, np.full((45, 12), -7.0), tracks)
    assert text.endswith("\n")
    return np.array([line.split(" ") for line in text.splitlines()])


def test_a_line_has_250_columns_and_milliseconds_as_the_real_files_round_them(table):
    assert table.shape == (45, 250)
    assert table[:5, 0].tolist() == ["0", "33", "67", "100", "133"]


def test_ambient_values_stand_in_their_documented_columns(table):
    for column in KNOWN_COLUMNS.values():
        assert table[1, column - 1] == str(10 * column)
    assert table[2, 207] == "NaN"
    assert set(table[:, 1:194].ravel()) == {"NaN"}
    assert table[0, 231:243].tolist() == ["-7"] * 12


def test_labels_stand_in_the_last_columns_half_open(table):
    codes = table[:, 249]
    assert np.flatnonzero(codes == "406516").tolist() == list(range(15, 30))
    assert set(codes) == {"0", "406516"}
    assert set(table[:, 243]) == {"2"}


def test_wrong_channels_are_refused_by_name(table):
    with pytest.raises(ValueError, match="REED SWITCH FRIDGE S1"):
        sensor_text(np.arange(3) / 30, {}, np.zeros((3, 12)), {name: [] for name in LABEL_TRACKS})


def test_a_caption_reads_as_in_the_release():
    text = track_text([Interval(1.5, 3.25, "Open Door 1"), Interval(3661.0, 3662.9996, "Close Fridge")], GESTURES)
    assert text == (
        "1\n00:00:01,500 --> 00:00:03,250\n406516 - Open Door 1\n"
        "\n2\n01:01:01,000 --> 01:01:03,000\n404520 - Close Fridge\n"
    )


def test_legend_and_column_names_cover_codes_and_columns():
    assert "406516   -   ML_Both_Arms   -   Open Door 1\n" in legend_text()
    assert "2   -   Locomotion   -   Walk\n" in legend_text()
    lines = columns_text().splitlines()[2:]
    assert len(lines) == 250
    for name, column in KNOWN_COLUMNS.items():
        assert lines[column - 1].startswith(f"Column: {column} {name};")


def test_layouts_name_their_files(tmp_path):
    sensor, video, folder = recording_paths(tmp_path, "S1-Drill", layout="opportunity_plus_plus")
    assert sensor == tmp_path / "data" / "S1-Drill" / "S1-Drill_sensors_data.txt"
    assert video == folder / "S1-Drill.mp4"
    assert recording_paths(tmp_path, "S1-Drill", layout="uci")[0] == tmp_path / "S1-Drill.dat"
    written = write_tracks(tmp_path, "S1-Drill", {name: [] for name in LABEL_TRACKS})
    assert tmp_path / "S1-Drill_ml_both_arms.srt" in written
    assert all(path.is_file() for path in written)


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


# SHA-256 of sensor files of the demo, made before the home had knobs that make places hard.
DEMO_SENSORS = {
    "S1-Drill": "649a5c34b2a258757c7f69737bb27c9aeecd64dc24b944c6a94a0c5405779eec",
    "S3-ADL4": "f6ad102252e4891158578fadc48f671fa7e2e1a78afbfbba25af90d323e108fd",
}


@pytest.mark.parametrize("recording", [*DEMO_SENSORS])
def test_knobs_at_rest_leave_the_demos_files_as_they_were(opportunity, demo_performances, recording):
    performance = demo_performances[recording]
    time_s, ambient, tags = opportunity.sensors(performance.trace)
    text = sensor_text(time_s, ambient, tags, opportunity.tracks(performance))
    assert hashlib.sha256(text.encode()).hexdigest() == DEMO_SENSORS[recording]


def _changed(simulation, reference, trace):
    """The channels in which two homes differ."""
    (_, found, tags), (_, expected, tags_too) = simulation.sensors(trace), reference.sensors(trace)
    np.testing.assert_array_equal(tags, tags_too)
    return {name for name in expected if not np.array_equal(found[name], expected[name], equal_nan=True)}


def _axes(*words):
    return {f"Accelerometer {word} acc{axis}" for word in words for axis in "XYZ"}


DRAWER_WORDS = ("UPPERDRAWER", "MIDDLEDRAWER", "LOWERDRAWER")

DRAWER_SWITCHES = {
    "REED SWITCH UPPERDRAWER",
    *(f"REED SWITCH {word} S{index}" for word in DRAWER_WORDS[1:] for index in (1, 2, 3)),
}


@pytest.mark.parametrize(
    ("changes", "channels"),
    [
        ({"drawers": {"lean_rad": 0.6}}, set()),
        ({"drawers": {"accelerometers": "one"}}, _axes(*DRAWER_WORDS)),
        ({"drawers": {"switches": "shared"}}, DRAWER_SWITCHES),
        ({"drawers": {"switches": "none"}}, DRAWER_SWITCHES),
        (
            {"drawers": {"switches": "closed"}},
            DRAWER_SWITCHES - {"REED SWITCH MIDDLEDRAWER S1", "REED SWITCH LOWERDRAWER S1"},
        ),
        ({"accelerometers": {"row_cross_talk": 0.2}}, _axes("FRIDGE", "DISHWASHER", *DRAWER_WORDS)),
        ({"switches": {"failed_part": 0.5}}, set()),
    ],
)
def test_a_knob_changes_the_channels_that_it_is_about_alone(make_opportunity, opportunity, drill, changes, channels):
    home = {name: dict(values) for name, values in changes.items()}
    assert _changed(make_opportunity(**home), opportunity, drill.trace) == channels


def test_dead_switches_are_constant_and_all_else_stays(make_opportunity, opportunity, demo_performances):
    failing, dead, inputs = make_opportunity(switches={"failed": 0.3}), 0, 0
    for performance in (demo_performances[name] for name in ("S1-Drill", "S2-ADL4", "S3-Drill")):
        changed = _changed(failing, opportunity, performance.trace)
        _, found, _ = failing.sensors(performance.trace)
        assert all(name.startswith("REED SWITCH") and len(np.unique(found[name])) == 1 for name in changed)
        dead, inputs = dead + len(changed), inputs + 13
    assert 0.1 < dead / inputs < 0.5


def test_a_home_with_few_sensors_is_written_in_the_native_format(make_opportunity, demo_datasets, tmp_path):
    """Inputs without an accelerometer are NaN, those without a switch rest; both are refused or read as asked for."""
    section = demo_datasets["opportunity"]
    simulation = make_opportunity(drawers={"accelerometers": "one", "switches": "shared"}, **SHORT)
    simulation.write_shared(tmp_path)
    path, *_ = simulation.write("S1-ADL4", tmp_path)
    adapter = build_adapter("opportunity", section["native"], classes=section["classes"])
    recording = adapter.read_recording(tmp_path, "S1-ADL4")
    columns = dict(zip(recording.channel_names, np.asarray(recording.sensor[:]).T, strict=True))
    for name, values in columns.items():
        assert np.isnan(values).all() == (name in _axes("UPPERDRAWER", "LOWERDRAWER")), name
    assert all(len(np.unique(columns[name])) == 1 for name in DRAWER_SWITCHES - {"REED SWITCH UPPERDRAWER"})
    silent = ", ".join(name for name in columns if name in _axes("UPPERDRAWER", "LOWERDRAWER"))
    with pytest.raises(BadInputError, match=f"channel {silent}"):
        check_channels(path, recording)


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
    spans: dict[str, Any] = {}
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
