from __future__ import annotations

from dataclasses import fields, replace

import h5py
import numpy as np
import pytest

from detach_core.contracts import rows
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.windows import StreamSource, Windows, open_windows, read_windows, write_windows
from detach_core.foundation.errors import ContractError


@pytest.fixture
def written(tmp_path):
    rng = np.random.default_rng(0)
    count, recordings = 9, 4
    recording = (np.arange(count) % recordings).astype(np.int32)
    windows = Windows(
        path=tmp_path / "windows.h5",
        sensor=rng.normal(size=(count, 2, 20)).astype(np.float32),
        mean_frame=rng.integers(0, 256, (count, 2, 3, 3)).astype(np.uint8),
        recording=recording,
        subject=(recording // 2).astype(np.int32),
        start_s=np.arange(count, dtype=np.float64),
        first_frame=5 * np.arange(count, dtype=np.int64),
        label=(np.arange(count, dtype=np.int32) % 4 - 1).astype(np.int32),
        instance=np.arange(count, dtype=np.int32),
        location=np.full(count, -1, np.int32),
        dataset="opportunity",
        source="simulated",
        label_unit="window",
        class_names=("Open Fridge", "Close Fridge", "Open Door 1"),
        class_places=("Fridge", "Fridge", "Door 1"),
        class_actions=("Open", "Close", ""),
        location_names=("Fridge", "Door 1"),
        location_source="label",
        channel_names=("REED SWITCH FRIDGE S1", "Accelerometer DOOR1 accX"),
        channel_units=("logical", "milli g"),
        recording_names=tuple(f"S{k // 2 + 1}-ADL{k % 2 + 1}" for k in range(recordings)),
        subject_names=("S1", "S2"),
        sensor_hz=10.0,
        working_hz=5.0,
        window_s=2.0,
        stride_s=1.0,
        frames_per_window=10,
        max_nan_share=0.25,
        flow_method="dis fast",
        flow_max_px=16.0,
        streams=tuple(StreamSource(f"S{k}", "shards/0/frames.h5", "shards/0/flow.h5", 400) for k in range(recordings)),
        provenance=make_provenance(stage="pack", source="simulated", settings={}),
    )
    write_windows(windows.path, windows)
    return windows


def test_what_was_written_is_read(written):
    found = read_windows(written.path)
    for field in fields(written):
        expected, value = getattr(written, field.name), getattr(found, field.name)
        if isinstance(expected, np.ndarray):
            assert value.dtype == expected.dtype, field.name
            np.testing.assert_array_equal(value, expected)
            value[...] = expected  # a copy of its own, not a view of the file
        else:
            assert value == expected, field.name
    assert found.num_windows == len(written.sensor)
    np.testing.assert_array_equal(found.end_s, written.start_s + 2.0)


def test_sensors_and_mean_frames_may_be_left_in_the_file(written):
    found = open_windows(written.path)
    assert found.num_windows == len(written.sensor)
    assert found.sensor.shape == written.sensor.shape
    np.testing.assert_array_equal(found.sensor[[7, 2]], written.sensor[[7, 2]])
    np.testing.assert_array_equal(found.mean_frame[3:5], written.mean_frame[3:5])
    np.testing.assert_array_equal(found.start_s, written.start_s)


def test_windows_that_are_computed_as_they_are_read_are_written(written, tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "_BLOCK_BYTES", 400)
    lazy = replace(
        written,
        sensor=rows.SelectedRows(written.sensor, np.arange(9)),
        mean_frame=rows.SelectedRows(written.mean_frame, np.arange(9)),
    )
    write_windows(tmp_path / "lazy.h5", lazy)
    assert (tmp_path / "lazy.h5").read_bytes() == written.path.read_bytes()


def test_frames_and_flow_are_shown_but_not_stored(written):
    with h5py.File(written.path) as file:
        assert file["rgb"].is_virtual
        assert file["flow"].is_virtual
        assert file["rgb"].shape == (len(written.sensor), 10, 2, 3, 3)
        assert file["flow"].shape == (len(written.sensor), 10, 2, 3, 2)


TABLE = ["recording", "subject", "start_s", "first_frame", "label", "instance", "location"]
ATTRIBUTES = [
    "schema", "provenance", "dataset", "source", "label_unit", "location_source", "sensor_hz", "working_hz", "window_s",
    "stride_s", "flow_max_px", "frames_per_window", "class_names", "class_places", "class_actions", "location_names",
    "channel_names", "channel_units", "recording_names", "subject_names", "streams",
]  # fmt: skip


@pytest.mark.parametrize("name", [*TABLE, "sensor", "mean_frame"])
def test_a_missing_dataset_is_named(written, name):
    with h5py.File(written.path, "r+") as file:
        del file[name]
    with pytest.raises(ContractError, match=f"{name}: found nothing.*rerun the rule `pack`"):
        read_windows(written.path)


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_a_missing_attribute_is_named(written, name):
    with h5py.File(written.path, "r+") as file:
        del file.attrs[name]
    with pytest.raises(ContractError, match=f"/@{name}"):
        read_windows(written.path)


@pytest.mark.parametrize("name", [*TABLE, "sensor", "mean_frame"])
@pytest.mark.parametrize("change", ["type", "length"])
def test_a_changed_dataset_is_named(written, name, change):
    with h5py.File(written.path, "r+") as file:
        values = file[name][()]
        del file[name]
        file[name] = values.astype(np.float16) if change == "type" else values[:-1]
    # A shorter sensor array moves the blame to the table, which then is too long.
    with pytest.raises(ContractError, match=name if (name, change) != ("sensor", "length") else "recording"):
        read_windows(written.path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["sensor", "start_s"])
def test_values_that_are_not_finite_are_refused(written, name, value):
    with h5py.File(written.path, "r+") as file:
        values = file[name][()]
        values.flat[5] = value
        file[name][...] = values
    with pytest.raises(ContractError, match=f"{name}: found NaN or infinity"):
        read_windows(written.path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("recording", 4),
        ("recording", -1),
        ("subject", 2),
        ("label", 3),
        ("label", -2),
        ("location", 2),
        ("first_frame", 391),
    ],
)
def test_an_index_outside_its_names_is_refused(written, name, value):
    with h5py.File(written.path, "r+") as file:
        file[name][3] = value
    with pytest.raises(ContractError, match=f"{name}: found"):
        read_windows(written.path)


@pytest.mark.parametrize("text", ['[{"recording": "S1"}]', "[]", '["S1"]', "{}"])
def test_streams_that_do_not_fit_are_refused(written, text):
    with h5py.File(written.path, "r+") as file:
        file.attrs["streams"] = text
    with pytest.raises(ContractError, match="/@streams"):
        read_windows(written.path)


def test_places_and_actions_are_numbered_in_the_order_of_the_classes(written):
    found = read_windows(written.path)
    assert (found.places.names, found.places.of_class) == (("Fridge", "Door 1"), (0, 0, 1))
    assert (found.actions.names, found.actions.of_class) == (("Open", "Close"), (0, 1, -1))


@pytest.mark.parametrize("name", ["class_places", "class_actions"])
def test_a_place_or_action_too_few_is_refused(written, name):
    write_windows(written.path, replace(written, **{name: ("a", "b")}))
    with pytest.raises(ContractError, match=f"/@{name}: found 2 names, expected one for each of 3 classes"):
        read_windows(written.path)
