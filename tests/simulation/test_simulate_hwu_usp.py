from __future__ import annotations

import numpy as np
import pytest

from detach_core.contracts.truth import read_truth
from detach_core.datasets.registry import build_adapter
from detach_core.simulation.truth import active_sensor


@pytest.fixture(scope="module")
def written(make_hwu, tmp_path_factory):
    root = tmp_path_factory.mktemp("hwu")
    simulation = make_hwu(video={"image_px": [64, 48]})
    return simulation, root, simulation.write("tea_s01", root)


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
