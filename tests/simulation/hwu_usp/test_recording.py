from __future__ import annotations

import hashlib

import numpy as np
import pytest

from detach_core.contracts.recording import read_truth
from detach_core.datasets.registry import build_adapter
from detach_core.settings.base import from_plain
from detach_core.simulation.hwu_usp.layout import hwu_home
from detach_core.simulation.hwu_usp.recording import (
    COLUMNS,
    active_sensor,
    ambient_text,
    in_view,
    motion_levels,
    moving,
    sequence_paths,
)
from detach_core.simulation.hwu_usp.settings import MotionSensorSettings

HOME = hwu_home()

FIELD = HOME.motion_sensors["Ktch_Motion_1"]

MOTION = tuple(HOME.motion_sensors)

PLACES = (*MOTION, "Ktch_B4_Cupboard", "Ktch_T1_Cupboard")

GOOD = {"hold_s": 2.0, "missed": 0.0, "delay_s": 0.0, "false_hz": 0.0}


def _levels(trace, **changes):
    knobs = from_plain(MotionSensorSettings, GOOD | changes)
    return motion_levels(trace, HOME, knobs, np.random.default_rng(0))["Ktch_Motion_1"]


@pytest.fixture
def walker(hand_made_trace):
    def make(position, **signals):
        return hand_made_trace(HOME, duration_s=20.0, rate_hz=50.0, position=position, **signals)

    return make


def _burst(trace_length=1001):
    walking = np.zeros(trace_length)
    walking[250:300] = 1.0
    return walking


def test_a_sensor_sees_who_moves_in_its_field_and_holds(walker):
    level = _levels(walker(FIELD[:2], walking=_burst()))
    on = np.flatnonzero(level)
    assert on[0] == 250
    assert on[-1] / 50 == pytest.approx(6.0 + 2.0, abs=0.6)
    assert (np.diff(on) == 1).all()


def test_who_stands_still_or_outside_is_not_seen(walker):
    assert not _levels(walker(FIELD[:2])).any()
    outside = (FIELD[0] + FIELD[2] + 0.1, FIELD[1])
    trace = walker(outside, walking=_burst())
    assert moving(trace).any()
    assert not in_view(trace, FIELD).any()
    assert not _levels(trace).any()


def test_hands_count_as_movement(walker):
    assert moving(walker(FIELD[:2], gesture=0.9)).all()
    assert moving(walker(FIELD[:2], hand=(1.0, 1.0, 1.0))).all()


def test_misses_delay_and_false_reports(walker):
    trace = walker(FIELD[:2], walking=_burst())
    assert not _levels(trace, missed=1.0).any()
    assert np.flatnonzero(_levels(trace, delay_s=0.2))[0] == 260
    assert _levels(walker((0.1, 0.1)), false_hz=0.02, hold_s=0.0).mean() < 0.2


@pytest.mark.parametrize("widen_m", [0.0, 0.5, 1.5])
def test_a_wide_field_ends_where_it_was_said_to(walker, widen_m):
    for beyond_m, seen in ((-0.01, True), (0.01, False)):
        place = (FIELD[0] - FIELD[2] - widen_m - beyond_m, FIELD[1])
        assert _levels(walker(place, walking=_burst()), widen_m=widen_m).any() == seen


def test_fields_that_overlap_are_on_together(walker):
    """Between the two sensors' places, in the field of the second alone until both are widened."""
    x, y, radius = HOME.motion_sensors["Ktch_Motion_2"]
    trace = walker((x, y - radius + 0.05), walking=_burst())

    def on(widen_m):
        knobs = from_plain(MotionSensorSettings, GOOD | {"widen_m": widen_m})
        levels = motion_levels(trace, HOME, knobs, np.random.default_rng(0))
        return {name for name, level in levels.items() if level.any()}

    assert on(0.0) == {"Ktch_Motion_2"}
    assert on(0.8) == {"Ktch_Motion_1", "Ktch_Motion_2"}


def test_a_sequence_is_written_as_time_states_and_power():
    channels = {name: np.array([0, 1, 1]) for name in COLUMNS} | {"TP_L_Power": np.array([1.5, 2.0, 2100.04])}
    lines = ambient_text(np.arange(3) / 50, channels).splitlines()
    assert lines[0] == (
        "timestamp,Ktch_B1_Drawer,Ktch_B2_Cupboard,Ktch_B3_Cupboard,Ktch_B4_Cupboard,Ktch_Motion_1,Ktch_Motion_2,"
        "Ktch_T1_Cupboard,Ktch_T2_Cupboard,Ktch_T3_Cupboard,Ktch_T4_Cupboard,TP_L_Power"
    )
    assert lines[1] == "0.000,0,0,0,0,0,0,0,0,0,0,1.5"
    assert lines[3] == "0.040,1,1,1,1,1,1,1,1,1,1,2100.0"


def test_missing_channels_are_refused():
    with pytest.raises(ValueError, match="TP_L_Power"):
        ambient_text(np.zeros(1), {})


def test_files_lie_in_a_folder_per_activity(tmp_path):
    sensor, video = sequence_paths(tmp_path, "tea_s01")
    assert sensor == tmp_path / "ambient" / "tea" / "tea_s01.csv"
    assert video == tmp_path / "rgb_blurred" / "tea" / "tea_s01.mp4"


@pytest.fixture(scope="module")
def written(make_hwu, tmp_path_factory):
    root = tmp_path_factory.mktemp("hwu")
    simulation = make_hwu(video={"image_px": [64, 48]})
    return simulation, root, simulation.write("tea_s01", root)


# SHA-256 of CSV files of the demo, made before the flat had knobs that make places hard.
DEMO_SENSORS = {
    "tea_s01": "e30f2b8e7720d68d2e9a4b210bd3e90d98a80eb8797fbff6694143f7c3709be2",
    "tidy_s09": "74e8bcb4d96279827180c1e751073f8003789f31edb289a639447f66b205f4d3",
}


@pytest.mark.parametrize("recording", [*DEMO_SENSORS])
def test_knobs_at_rest_leave_the_demos_files_as_they_were(hwu, recording):
    text = ambient_text(*hwu.sensors(hwu.perform(recording)))
    assert hashlib.sha256(text.encode()).hexdigest() == DEMO_SENSORS[recording]


@pytest.mark.parametrize(
    ("section", "knob", "value", "prefix"),
    [("motion_sensors", "widen_m", 0.8, "Ktch_Motion_"), ("switches", "failed", 0.3, "Ktch_")],
)
def test_a_knob_changes_the_sensors_that_it_is_about_and_not_the_truth(make_hwu, hwu, section, knob, value, prefix):
    simulation, changed = make_hwu(**{section: {knob: value}}), set()
    for number in range(1, 7):
        performance = hwu.perform(f"tidy_s{number:02d}")
        (time_s, found), (_, expected) = simulation.sensors(performance), hwu.sensors(performance)
        different = {name for name in expected if not np.array_equal(found[name], expected[name])}
        if knob == "failed":
            assert all((found[name] == 1).all() for name in different)
        changed |= different
        channels = [name for name in COLUMNS if name in PLACES]
        ours, theirs = (active_sensor(performance.trace, one.home, time_s, channels) for one in (simulation, hwu))
        np.testing.assert_array_equal(ours, theirs)
    assert changed
    assert all(name.startswith(prefix) for name in changed)
    assert {name for name in changed if "Motion" in name} == ({*MOTION} if knob == "widen_m" else set())


def test_sequences_are_about_as_long_as_asked_for_and_differ(hwu, demo_datasets):
    section = demo_datasets["hwu_usp"]
    names = [f"{take}_{subject}" for subject in section["subjects"][:6] for take in section["takes"]]
    lengths = [hwu.perform(name).trace.duration_s for name in names]
    assert np.mean(lengths) == pytest.approx(section["home"]["routine"]["length_s"], rel=0.12)
    assert max(lengths) < 1.8 * section["home"]["routine"]["length_s"]
    assert len(set(lengths)) > 20


def test_a_sequence_is_the_same_to_the_bit(written, make_hwu, tmp_path):
    _, _, paths = written
    again = make_hwu(video={"image_px": [64, 48]}).write("tea_s01", tmp_path)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]


def test_the_adapter_reads_back_what_was_written(written, demo_datasets):
    simulation, root, _ = written
    section = demo_datasets["hwu_usp"]
    recording = build_adapter("hwu_usp", section["native"], classes=section["classes"]).read_recording(root, "tea_s01")
    _, channels = simulation.sensors(simulation.perform("tea_s01"))
    for index, name in enumerate(recording.channel_names):
        np.testing.assert_array_equal(recording.sensor[:, index], channels[name])
    assert section["classes"][recording.annotations[0].label] == "tea"
    assert recording.remarks == ()


def test_faultless_cupboards_read_open_while_they_are(make_hwu):
    simulation = make_hwu(
        switches={"missed": 0.0, "spurious_hz": 0.0, "bounce_s": 0.0}, clocks={"offset_s": 0.0, "wander_s": 0.0}
    )
    seen = 0
    for number in range(1, 9):
        performance = simulation.perform(f"dishes_s{number:02d}")
        time_s, channels = simulation.sensors(performance)
        rows = np.floor(time_s * 100 + 1e-6).astype(int)
        for name, opening in performance.trace.opening.items():
            np.testing.assert_array_equal(channels[f"Ktch_{name}"], opening[rows] > 0.06)
            seen += int((opening > 0.06).any())
    assert seen > 3


def test_truth_names_the_sensor_that_has_reason_to_be_active(written, demo_datasets):
    simulation, root, _ = written
    truth = read_truth(root / "truth" / "tea_s01.h5")
    assert list(truth.location_names) == demo_datasets["hwu_usp"]["native"]["channels"]
    trace = simulation.perform("tea_s01").trace
    for action in trace.actions:
        channel = f"Ktch_{action.fixture}"
        if channel in truth.location_names:
            row = round((action.start_s + action.end_s) / 2 * truth.sensor_hz)
            assert truth.location_names[truth.location[row]] == channel


def test_all_seven_contexts_occur_in_the_demo(hwu, demo_datasets):
    section = demo_datasets["hwu_usp"]
    found = set()
    for subject in section["subjects"][:8]:
        for take in section["takes"]:
            trace = hwu.perform(f"{take}_{subject}").trace
            times_s = np.arange(0, trace.duration_s, 0.1)
            found |= set(active_sensor(trace, hwu.home, times_s, section["native"]["channels"]).tolist())
    assert found == {-1, 0, 1, 2, 3, 4, 5}


def test_the_kettle_draws_power_in_some_tea_and_never_in_cereals(hwu):
    peak = {
        take: max(hwu.sensors(hwu.perform(f"{take}_s{number:02d}"))[1]["TP_L_Power"].max() for number in range(1, 9))
        for take in ("tea", "cereals")
    }
    assert peak["tea"] > 1500
    assert peak["cereals"] < 10
