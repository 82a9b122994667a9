from __future__ import annotations

import h5py
import numpy as np
import pytest

from detach_core.contracts.errors import ContractError
from detach_core.contracts.frames import create_frames, read_frames
from detach_core.contracts.provenance import make_provenance

PROVENANCE = make_provenance(stage="extract_frames", source="simulated", settings={})
RGB = np.random.default_rng(0).integers(0, 256, (6, 3, 4, 3)).astype(np.uint8)
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


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("rgb", RGB.astype(np.int16)),
        ("rgb", RGB[:, :2]),
        ("luma", LUMA[:, :3, :4]),
        ("luma", LUMA[:5]),
        ("time_s", np.full(6, np.nan)),
        ("time_s", np.arange(5.0)),
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
