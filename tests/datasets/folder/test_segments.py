from datetime import UTC, datetime

import pytest

from detach_core.datasets.folder.adapter import Folder
from detach_core.datasets.folder.segments import start_in_name
from detach_core.foundation.errors import BadInputError


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.fixture
def starts(own_home):
    """A function: the recording's segments for video files of these names and a `video` in home.yaml."""
    own_home.add("day1", video=False)

    def found(names, video, **home):
        for name in names:
            path = own_home.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"film")
        own_home.home["recordings"]["day1"]["video"] = video
        own_home.home.update(home)
        segments = Folder(own_home.native, classes=()).video_segments(own_home.root, "day1")
        return [(one.path.relative_to(own_home.root).as_posix(), float(one.start_s)) for one in segments]

    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("recordings/2024-05-01/06/kitchen/03.07.mp4", "2024-05-01T06:03:07Z"),
        ("cam_20240501_080307.mp4", "2024-05-01T08:03:07"),
        ("20240501-080307.mkv", "2024-05-01T08:03:07"),
        ("20240501T080307Z.mp4", "2024-05-01T08:03:07Z"),
        ("kitchen 2024-05-01T08-03-07.mp4", "2024-05-01T08:03:07"),
        ("2024-05-01 08:03:07+02:00.mp4", "2024-05-01T08:03:07+02:00"),
        ("2024-05-01_08-03-07.mp4", "2024-05-01T08:03:07"),
        ("2024-05-01/kitchen.mp4", None),
        ("film.mp4", None),
        ("1202405010803070.mp4", None),
    ],
)
def test_a_name_tells_its_start(name, expected):
    assert start_in_name(name, "auto") == expected


def test_a_camera_may_name_files_in_one_way_alone():
    assert start_in_name("20240501_080307.mp4", "iso") is None
    assert start_in_name("2024-05-01/06/k/03.07.mp4", "compact") is None


def test_frigates_files_are_in_universal_time_and_in_order(starts):
    names = [f"recordings/2024-05-01/{hour}/kitchen/{rest}.mp4" for hour, rest in (("07", "00.05"), ("06", "59.55"))]
    found = starts([*names, "recordings/2024-05-01/07/hall/00.00.mp4"], {"kitchen": "recordings/*/*/kitchen/*.mp4"})
    assert found == [(names[1], 0.0), (names[0], 10.0)]


def test_local_names_cross_the_end_of_summer_time_with_their_offsets_alone(starts):
    names = ["2024-10-27T02-30-00+0200.mp4", "2024-10-27T02-30-00+0100.mp4"]
    assert starts(names, "*.mp4") == [(names[0], 0.0), (names[1], 3600.0)]
    with pytest.raises(BadInputError, match=r"20241027_023000.mp4: name: found .* showed twice"):
        starts(["20241027_023000.mp4"], "20241027_023000.mp4")
    with pytest.raises(BadInputError, match=r"name: found .* which no clock of Europe/Berlin showed"):
        starts(["20240331_023000.mp4"], "20240331_023000.mp4")


def test_a_table_tells_starts(starts, own_home):
    own_home.write("cam/starts.csv", "file,start", [("b.mp4", "2024-05-01T08:00:10"), ("a.mp4", 1714543200)])
    assert starts(["cam/a.mp4", "cam/b.mp4"], {"starts": "cam/starts.csv"}) == [("cam/a.mp4", 0), ("cam/b.mp4", 10)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("c.mp4", 5)], r"starts.csv: line 2, column file: found 'c.mp4', expected a video below"),
        ([("a.mp4", 5), ("a.mp4", 9)], r"line 3, column file: found 'a.mp4', which stands there before"),
        ([("../cam/a.mp4", 5)], r"line 2, column file: found '../cam/a.mp4', expected a video below"),
        ([("a.mp4", "noon")], r"line 2, column start: found 'noon', expected an ISO date"),
        ([("a.mp4", 5), ("b.mp4", 5)], r"found cam/a.mp4 and cam/b.mp4, which start together in recording day1"),
    ],
)
def test_a_table_with_a_mistake_is_one_sentence(starts, own_home, rows, message):
    own_home.write("cam/starts.csv", "file,start", rows)
    with pytest.raises(BadInputError, match=message):
        starts(["cam/a.mp4", "cam/b.mp4"], {"starts": "cam/starts.csv"})


def test_two_files_of_one_start_are_refused_by_name(starts):
    names = ["a_20240501_080000.mp4", "b_20240501_080000.mp4"]
    with pytest.raises(BadInputError, match=r"found a_20240501_080000.mp4 and b_20240501_080000.mp4, which start"):
        starts(names, "*.mp4")


def test_a_file_without_a_time_needs_one(starts):
    with pytest.raises(
        BadInputError, match=r"film.mp4: name: found no date and time, expected one, by .* `names: auto`"
    ):
        starts(["film.mp4"], "film.mp4")
    assert starts(["film.mp4"], {"files": "film.mp4", "start": 1714543200}) == [("film.mp4", 0)]
    with pytest.raises(BadInputError, match=r"recordings.day1.video: found `start` for 2 files"):
        starts(["a.mp4", "b.mp4"], {"files": ["a.mp4", "b.mp4"], "start": 1714543200})
    with pytest.raises(BadInputError, match=r"found no such file, expected files like missing.mp4"):
        starts([], "missing.mp4")


def test_the_used_camera_is_the_one_whose_files_are_taken(starts):
    names = ["k_20240501_080000.mp4", "h_20240501_090000.mp4"]
    video = {"kitchen": "k_*.mp4", "hall": "h_*.mp4"}
    assert starts(names, video, camera="hall") == [(names[1], 0.0)]
    assert starts(names, video, camera="none") == []
