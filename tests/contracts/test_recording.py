from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest

from detach_core.contracts import rows
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.recording import Annotation, Places, Recording, read_recordings, write_recordings
from detach_core.foundation.errors import ContractError

PLACES = Places(names=("Fridge",), of_class=(0, -1), channels=((0,),))
PROVENANCE = make_provenance(stage="ingest", source="simulated", settings={})


def make_recording(**changes):
    sensor = np.arange(20, dtype=np.float32).reshape(10, 2)
    sensor[3, 1] = np.nan
    recording = Recording(
        recording_id="S1-Drill",
        subject="S1",
        sensor=sensor,
        time_s=np.arange(10) / 30,
        sensor_hz=30.0,
        channel_names=("REED SWITCH FRIDGE S1", "Accelerometer DOOR1 accX"),
        channel_units=("logical", "milli g"),
        annotations=(Annotation(0.1, 0.2, 1), Annotation(0.2, 0.3, -1)),
        video_path=None,
        video_hz=10.0,
        location=np.array([-1, 0] * 5, np.int16),
        location_names=("Fridge",),
    )
    return replace(recording, **changes)


def write(path, *recordings):
    write_recordings(
        path,
        recordings,
        dataset="opportunity",
        class_names=["Open", "Close"],
        class_actions=["Open", ""],
        places=PLACES,
        provenance=PROVENANCE,
    )
    return path


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "sensor.h5", make_recording())


def test_what_was_written_is_read(tmp_path):
    real = make_recording(recording_id="S2-ADL4", subject="S2", location=None, location_names=(), annotations=())
    found = read_recordings(write(tmp_path / "sensor.h5", make_recording(), real))
    assert (found.dataset, found.class_names, found.places) == ("opportunity", ("Open", "Close"), PLACES)
    assert found.provenance == PROVENANCE
    first, second = found.recordings
    for name in ("recording_id", "subject", "sensor_hz", "video_hz", "channel_names", "channel_units", "annotations"):
        assert getattr(first, name) == getattr(make_recording(), name)
        assert getattr(second, name) == getattr(real, name)
    np.testing.assert_array_equal(first.sensor, make_recording().sensor)
    np.testing.assert_array_equal(first.time_s, make_recording().time_s)
    np.testing.assert_array_equal(first.location, make_recording().location)
    assert second.location is None


def test_recordings_are_written_as_they_come_and_in_pieces(tmp_path, monkeypatch):
    names = ["S1-Drill", "S2-Drill"]
    at_once = write(tmp_path / "a.h5", *(make_recording(recording_id=name) for name in names))
    monkeypatch.setattr(rows, "_BLOCK_BYTES", 24)

    def come():
        for name in names:
            one = make_recording(recording_id=name)
            arrays = {
                key: rows.SelectedRows(getattr(one, key), np.arange(10)) for key in ("sensor", "time_s", "location")
            }
            yield replace(one, **arrays)

    in_pieces = tmp_path / "b.h5"
    write_recordings(
        in_pieces,
        come(),
        dataset="opportunity",
        class_names=["Open", "Close"],
        class_actions=["Open", ""],
        places=PLACES,
        provenance=PROVENANCE,
    )
    assert in_pieces.read_bytes() == at_once.read_bytes()


def test_the_order_of_recordings_is_kept(tmp_path):
    names = ["S2-Drill", "S1-Drill", "S1-ADL4"]
    found = read_recordings(write(tmp_path / "a.h5", *(make_recording(recording_id=name) for name in names)))
    assert [recording.recording_id for recording in found.recordings] == names


def test_arrays_that_do_not_fit_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="S1-Drill"):
        write(tmp_path / "a.h5", make_recording(time_s=np.arange(9) / 30))
    assert list(tmp_path.iterdir()) == []


FIELDS = [
    "S1-Drill/sensor", "S1-Drill/time_s", "S1-Drill/annotations", "S1-Drill/location", "S1-Drill@subject",
    "S1-Drill@sensor_hz", "S1-Drill@video_hz", "S1-Drill@channel_names", "S1-Drill@channel_units", "/@dataset",
    "/@class_names", "/@class_actions", "/@recording_names", "/@place_names", "/@class_places", "/@place_channels",
    "/@provenance", "/@schema",
]  # fmt: skip


@pytest.mark.parametrize("field", [name for name in FIELDS if name != "S1-Drill/location"])
def test_a_missing_field_is_named(path, field):
    with h5py.File(path, "r+") as file:
        node, _, attribute = field.partition("@")
        if attribute:
            del file[node].attrs[attribute]
        else:
            del file[field]
    with pytest.raises(ContractError, match=field):
        read_recordings(path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("sensor", lambda values: values.astype(np.float64)),
        ("sensor", lambda values: values[:, :1]),
        ("sensor", lambda values: np.where(np.isnan(values), np.float32(np.inf), values)),
        ("time_s", lambda values: np.where(values == 0, np.nan, values)),
        ("time_s", lambda values: values[:5]),
        ("location", lambda values: values + np.int16(1)),
        ("location", lambda values: values.astype(np.int32)),
    ],
)
def test_a_changed_array_is_named(path, name, change):
    with h5py.File(path, "r+") as file:
        values = change(file["S1-Drill"][name][()])
        del file["S1-Drill"][name]
        file["S1-Drill"][name] = values
    with pytest.raises(ContractError, match=f"S1-Drill/{name}"):
        read_recordings(path)


def test_a_label_without_a_class_is_named(path):
    with h5py.File(path, "r+") as file:
        table = file["S1-Drill/annotations"][()]
        table["label"] = 2
        file["S1-Drill/annotations"][...] = table
    with pytest.raises(ContractError, match=r"S1-Drill/annotations: .*labels -1..1"):
        read_recordings(path)
