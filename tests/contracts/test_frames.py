from __future__ import annotations

from dataclasses import fields

import h5py
import numpy as np
import pytest

from detach_core.contracts.frames import VideoTiming, create_frames, read_frames
from detach_core.contracts.provenance import make_provenance
from detach_core.foundation.errors import ContractError

PROVENANCE = make_provenance(stage="extract_frames", source="simulated", settings={})
RGB = np.random.default_rng(0).integers(0, 256, (6, 3, 4, 3)).astype(np.uint8)
PICTURE_S = np.array([0.5, 0.5, 0.5, 0.6, 0.8, 1.0])
TIMING = VideoTiming(0.5, 0.0, 9.7, 40, 2, 1, 3, 0.9, 0.4, 3.1, 0.5, 0.4, 1)
LUMA = np.random.default_rng(1).integers(0, 256, (6, 6, 8)).astype(np.uint8)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "frames.h5"
    with create_frames(path, working_hz=5, image_px=[4, 3], provenance=PROVENANCE) as writer:
        rgb, luma = writer.add_recording("S1-Drill", num_frames=6, video="data/S1-Drill.mp4")
        for row in range(6):
            rgb[row], luma[row] = RGB[row], LUMA[row]
    return path


def test_what_was_written_is_read_through_a_memory_map(path):
    found = read_frames(path)
    stream = found.streams["S1-Drill"]
    assert (found.working_hz, found.image_px, found.path) == (5.0, (4, 3), path)
    assert (stream.num_frames, stream.video) == (6, "data/S1-Drill.mp4")
    assert isinstance(stream.rgb, np.memmap)
    np.testing.assert_array_equal(stream.rgb, RGB)
    np.testing.assert_array_equal(stream.luma, LUMA)
    np.testing.assert_allclose(stream.time_s, np.arange(6) / 5)

    np.testing.assert_array_equal(stream.picture_s, stream.time_s)
    assert stream.timing == VideoTiming(0.0, 0.0, 5.0, 6, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0)
    assert stream.seen(0.0).all()


@pytest.fixture
def told(path):
    """Pictures from half a second on; the row at 0 shows one that lies farther than 0.4 s from it."""
    with create_frames(path, working_hz=5, image_px=[4, 3], provenance=PROVENANCE) as writer:
        for stored, values in zip(
            writer.add_recording("S1-Drill", num_frames=6, video="data/S1-Drill.mp4"), (RGB, LUMA), strict=True
        ):
            stored[...] = values
        writer.tell_timing("S1-Drill", PICTURE_S, TIMING)
    return path


def test_when_each_rows_picture_was_shown_is_kept(told):
    stream = read_frames(told).streams["S1-Drill"]
    np.testing.assert_array_equal(stream.picture_s, PICTURE_S)
    assert stream.timing == TIMING
    assert stream.seen(0.4).tolist() == [False, True, True, True, True, True]
    assert stream.seen(0.5).all()
    assert stream.seen(0.1).tolist() == [False, False, True, True, True, True]


@pytest.mark.parametrize("field", [field.name for field in fields(VideoTiming)])
def test_a_missing_word_about_the_stamps_is_named(told, field):
    with h5py.File(told, "r+") as file:
        del file["S1-Drill"].attrs[field]
    with pytest.raises(ContractError, match=f"S1-Drill@{field}.*rerun the rule `extract_frames`"):
        read_frames(told)


@pytest.mark.parametrize(
    ("field", "value"), [("unseen", 2), ("damaged", -1), ("rate_hz", np.nan), ("pictures", 1.5), ("tolerance_s", 0.7)]
)
def test_words_about_the_stamps_that_cannot_be_are_refused(told, field, value):
    with h5py.File(told, "r+") as file:
        file["S1-Drill"].attrs[field] = value
    with pytest.raises(ContractError, match=r"S1-Drill@\w+: .*rerun the rule `extract_frames`"):
        read_frames(told)


def test_frames_of_before_there_were_times_of_pictures_are_refused(path):
    with h5py.File(path, "r+") as file:
        file.attrs["schema"] = "detach.frames/1"
    with pytest.raises(ContractError, match=r"found detach.frames/1, expected detach.frames/2; rerun the rule"):
        read_frames(path)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("rgb", RGB.astype(np.int16)),
        ("rgb", RGB[:, :2]),
        ("luma", LUMA[:, :3, :4]),
        ("luma", LUMA[:5]),
        ("time_s", np.full(6, np.nan)),
        ("time_s", np.arange(5.0)),
        ("picture_s", np.full(6, np.inf)),
        ("picture_s", np.arange(7.0)),
        ("picture_s", np.arange(6.0)[::-1]),
    ],
)
def test_a_changed_array_is_named(path, name, values):
    with h5py.File(path, "r+") as file:
        del file["S1-Drill"][name]
        file["S1-Drill"][name] = values
    with pytest.raises(ContractError, match=f"S1-Drill/{name}.*rerun the rule `extract_frames`"):
        read_frames(path)


def test_compressed_frames_are_refused(path):
    with h5py.File(path, "r+") as file:
        del file["S1-Drill/rgb"]
        file["S1-Drill"].create_dataset("rgb", data=RGB, compression="gzip")
    with pytest.raises(ContractError, match="a contiguous dataset"):
        read_frames(path)


@pytest.mark.parametrize("field", ["/@working_hz", "/@image_px", "S1-Drill@video", "/@provenance"])
def test_a_missing_attribute_is_named(path, field):
    with h5py.File(path, "r+") as file:
        node, _, name = field.partition("@")
        del file[node].attrs[name]
    with pytest.raises(ContractError, match=field):
        read_frames(path)
