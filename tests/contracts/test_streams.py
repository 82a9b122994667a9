from __future__ import annotations

import h5py
import numpy as np
import pytest

from detach_core.contracts.frames import create_flow, create_frames
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.windows import StreamSource, load_streams, open_streams, write_virtual
from detach_core.foundation.errors import ContractError

PROVENANCE = make_provenance(stage="test", source="simulated", settings={})
ROWS = {"S1-Drill": 6, "S2-Drill": 4}


def picture(name, row):
    return np.full((2, 3, 3), 10 * list(ROWS).index(name) + row, np.uint8)


@pytest.fixture
def sources(tmp_path):
    """Both recordings' streams, each in a shard of its own; pictures and flow tell recording and row."""
    found = []
    for index, (name, rows) in enumerate(ROWS.items()):
        folder = tmp_path / "shards" / f"shard{index}"
        with create_frames(folder / "frames.h5", working_hz=5, image_px=(3, 2), provenance=PROVENANCE) as writer:
            rgb, luma = writer.add_recording(name, num_frames=rows, video="v.mp4")
            rgb[...] = np.stack([picture(name, row) for row in range(rows)])
            luma[...] = 0
        with create_flow(
            folder / "flow.h5", max_px=16, working_hz=5, image_px=(3, 2), method="dis", provenance=PROVENANCE
        ) as writer:
            writer.add_recording(name, num_frames=rows)[...] = np.arange(rows, dtype=np.int8)[:, None, None, None]
        found.append(StreamSource(name, f"shards/shard{index}/frames.h5", f"shards/shard{index}/flow.h5", rows))
    return found


def test_streams_are_mapped_in_the_order_of_their_sources(sources, tmp_path):
    streams = open_streams(tmp_path, sources[::-1])
    assert [len(rgb) for rgb, _ in streams] == [4, 6]
    assert all(isinstance(array, np.memmap) for stream in streams for array in stream)
    np.testing.assert_array_equal(streams[0][0][2], picture("S2-Drill", 2))


def test_loaded_streams_know_each_windows_first_row(sources, tmp_path):
    recording, first = np.array([0, 1, 1], np.int32), np.array([3, 0, 2])
    streams = load_streams(open_streams(tmp_path, sources), recording, first)
    assert streams.first.tolist() == [3, 6, 8]
    for window, (index, row) in enumerate(zip(recording, first, strict=True)):
        np.testing.assert_array_equal(streams.rgb[streams.first[window]], picture(list(ROWS)[index], row))
        assert (streams.flow[streams.first[window]] == row).all()
    streams.rgb[0] = 0  # a copy of its own: writing does not reach the file
    np.testing.assert_array_equal(open_streams(tmp_path, sources)[0][0][1], picture("S1-Drill", 1))


@pytest.mark.parametrize(
    "changes", [{"rows": 5}, {"recording": "S3-Drill"}, {"recording": "S2-Drill", "flow": "shards/shard1/flow.h5"}]
)
def test_shards_that_no_longer_hold_what_was_packed_are_refused(sources, tmp_path, changes):
    changed = StreamSource(**(sources[0].to_dict() | changes))
    with pytest.raises(ContractError, match=r"rows, expected|expected \d rows"):
        open_streams(tmp_path, [changed])


def test_a_missing_shard_is_refused(sources, tmp_path):
    (tmp_path / "shards" / "shard0" / "flow.h5").unlink()
    with pytest.raises(ContractError, match=r"shard0/flow.h5: file: found nothing"):
        open_streams(tmp_path, sources)


def test_a_virtual_dataset_shows_overlapping_windows(sources, tmp_path):
    with h5py.File(tmp_path / "windows.h5", "w", libver="v110") as file:
        write_virtual(
            file,
            "rgb",
            sources=[(item.frames, f"{item.recording}/rgb", item.rows) for item in sources],
            recording=np.array([0, 0, 1], np.int32),
            first_frame=np.array([1, 2, 0]),
            window=(3, 2, 3, 3),
            dtype="uint8",
        )
    with h5py.File(tmp_path / "windows.h5") as file:
        assert file["rgb"].shape == (3, 3, 2, 3, 3)
        assert file["rgb"][:, :, 0, 0, 0].tolist() == [[1, 2, 3], [2, 3, 4], [10, 11, 12]]


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 7])
def test_even_and_uneven_windows_are_shown_as_they_lie(frames, tmp_path):
    rng = np.random.default_rng(frames)
    rows = {"A": np.arange(400).reshape(200, 1, 2), "B": 1000 + np.arange(300).reshape(150, 1, 2)}
    with h5py.File(tmp_path / "shard.h5", "w", libver="v110") as file:
        for name, values in rows.items():
            file[name] = values.astype(np.int16)
    steps = np.concatenate([np.full(9, 2), rng.integers(1, 6, 9), np.full(7, 8), [1, 1, 4, 4, 3], np.full(6, 3)])
    first = np.cumsum(steps)
    recording = np.repeat([0, 1, 0], [len(first), len(first), 2]).astype(np.int32)
    first_frame = np.concatenate([first, first, [190, 3]])
    with h5py.File(tmp_path / "windows.h5", "w", libver="v110") as file:
        write_virtual(
            file,
            "rgb",
            sources=[("shard.h5", name, len(values)) for name, values in rows.items()],
            recording=recording,
            first_frame=first_frame,
            window=(frames, 1, 2),
            dtype="int16",
        )
        assert len(file["rgb"].virtual_sources()) < len(recording)
    with h5py.File(tmp_path / "windows.h5") as file:
        shown = file["rgb"][()]
    for window, index, row in zip(shown, recording, first_frame, strict=True):
        np.testing.assert_array_equal(window, rows["AB"[index]][row : row + frames])
