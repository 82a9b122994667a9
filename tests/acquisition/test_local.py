from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import pytest

from detach_core.acquisition.local import (
    MissingFile,
    RawFolder,
    local_troubles,
    missing_files,
    missing_message,
    origin_of,
)
from detach_core.datasets.opportunity.settings import OpportunityNative
from detach_core.datasets.registry import FileGlobs
from detach_core.foundation.errors import UserError

NATIVE = FileGlobs(
    sensor_glob=("**/{recording}_sensors_data.txt", "**/{recording}.dat"),
    video_glob=("**/{recording}.mp4", "**/{recording}_*.mp4"),
)
RECORDINGS = [f"S{subject}-{take}" for subject in (1, 2, 3, 4) for take in ("Drill", "ADL4")]


def put(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")


def check(root, recordings=RECORDINGS, adapter="opportunity", native=NATIVE):
    return missing_files(RawFolder("opportunity", adapter, root, recordings, native))


def tell(missing, root, adapter="opportunity", recordings=RECORDINGS):
    return missing_message(missing, RawFolder("opportunity", adapter, root, recordings, NATIVE))


def test_a_complete_folder_lacks_nothing(tmp_path):
    for recording in RECORDINGS:
        put(tmp_path, f"data/{recording}/{recording}_sensors_data.txt", f"data/{recording}/{recording}.mp4")
    assert check(tmp_path) == []


def test_each_missing_file_is_listed_with_its_recording_and_kind(tmp_path):
    put(tmp_path, "S1-Drill.dat", "S1-ADL4.dat", "S1-ADL4.mp4")
    missing = check(tmp_path, ["S1-Drill", "S1-ADL4"])
    patterns = ("**/S1-Drill.mp4", "**/S1-Drill_*.mp4")
    assert missing == [MissingFile("S1-Drill", "video", patterns, (), "native.video_glob")]


def test_several_fitting_files_are_listed(tmp_path):
    put(tmp_path, "S1-Drill.dat", "a/S1-Drill_1.mp4", "a/S1-Drill_2.mp4")
    (missing,) = check(tmp_path, ["S1-Drill"])
    assert missing.matches == ("a/S1-Drill_1.mp4", "a/S1-Drill_2.mp4")
    message = tell([missing], tmp_path, recordings=["S1-Drill"])
    assert "2 files fit (a/S1-Drill_1.mp4, a/S1-Drill_2.mp4)" in message
    assert "narrow the pattern" in message
    assert "come from" not in message


def test_a_folder_in_a_files_place_counts_as_missing(tmp_path):
    put(tmp_path, "S1-Drill.dat")
    (tmp_path / "S1-Drill.mp4").mkdir()
    assert [file.kind for file in check(tmp_path, ["S1-Drill"])] == ["video"]


def test_a_dangling_link_counts_as_missing(tmp_path):
    put(tmp_path, "S1-Drill.dat")
    (tmp_path / "S1-Drill.mp4").symlink_to(tmp_path / "gone.mp4")
    assert [file.kind for file in check(tmp_path, ["S1-Drill"])] == ["video"]


def test_the_message_for_sensors_only_sends_to_ieee_and_says_that_uci_has_no_videos(tmp_path):
    put(tmp_path, *(f"dataset/{recording}.dat" for recording in RECORDINGS))
    message = tell(check(tmp_path), tmp_path)
    assert "8 of the 16 files of this run" in message
    assert "8 files (8 .dat), such as dataset/S1-ADL4.dat" in message
    assert "S1-Drill: video file like **/S1-Drill.mp4" in message
    assert "ieee-dataport.org" in message
    assert "login" in message
    assert "UCI gives out the sensors only" in message
    assert "native.video_glob" in message
    assert "The sensor files come from" not in message


def test_the_message_for_an_empty_folder_names_both_places(tmp_path):
    message = tell(check(tmp_path), tmp_path)
    assert "an empty folder" in message
    assert "10.24432/C5M027" in message
    assert "ieee-dataport.org" in message
    assert str(tmp_path) in message


def test_a_folder_that_does_not_exist_lacks_everything(tmp_path):
    missing = check(tmp_path / "absent")
    assert len(missing) == 16
    assert "which does not exist" in tell(missing, tmp_path / "absent")


def test_hwu_usp_sends_to_heriot_watt(tmp_path):
    native = FileGlobs(sensor_glob=("**/{recording}*.csv",), video_glob=("**/{recording}*.mp4",))
    missing = check(tmp_path, ["tea_s01"], "hwu_usp", native)
    assert "Heriot-Watt University" in tell(missing, tmp_path, "hwu_usp", ["tea_s01"])


def test_the_message_stays_short_however_much_is_missing(tmp_path):
    recordings = [f"tea_s{number:02d}" for number in range(500)]
    put(tmp_path, "tea_s00.dat", "tea_s00_1.mp4", "tea_s00_2.mp4")
    message = tell(check(tmp_path, recordings), tmp_path, recordings=recordings)
    assert "and 990 more" in message
    assert "2 files fit" in message
    assert len(message) < 4000


def test_a_root_that_is_not_set_is_refused_by_its_key():
    with pytest.raises(UserError, match=r"datasets\.opportunity\.root: found null"):
        check(None)


def test_the_folder_is_never_written_to(tmp_path):
    put(tmp_path, "S1-Drill.dat")
    before = sorted((path, path.stat().st_mtime_ns) for path in [tmp_path, *tmp_path.rglob("*")])
    tmp_path.chmod(0o555)
    try:
        tell(check(tmp_path), tmp_path)
    finally:
        tmp_path.chmod(0o755)
    assert sorted((path, path.stat().st_mtime_ns) for path in [tmp_path, *tmp_path.rglob("*")]) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_folder_is_refused(tmp_path):
    put(tmp_path, "closed/S1-Drill.dat")
    (tmp_path / "closed").chmod(0)
    try:
        with pytest.raises(UserError, match="a readable folder"):
            check(tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o755)


def test_the_check_imports_nothing_heavy():
    code = (
        "import sys, detach_core.acquisition.local\n"
        "heavy = {'numpy', 'torch', 'h5py', 'requests', 'pandas', 'cv2', 'av', 'tqdm'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def folder_of(tmp_path, name, dataset="opportunity", recordings=("S1-Drill",)):
    return RawFolder(dataset, dataset, str(tmp_path / name), list(recordings), NATIVE)


def test_the_troubles_of_all_folders_are_told_together(tmp_path):
    put(tmp_path / "b", "S1-Drill.dat", "S1-Drill.mp4")
    put(tmp_path / "d", "S1-Drill.dat")
    (tmp_path / "c").touch()
    chosen = [folder_of(tmp_path, name, f"set_{name}") for name in "abcd"]
    troubles = local_troubles(chosen)
    assert [line.split(":")[0] for line in troubles] == ["datasets.set_a", "datasets.set_c", "datasets.set_d"]
    assert "which does not exist" in troubles[0]
    assert "1 of the 2 files" in troubles[2]


@pytest.mark.parametrize("name", ["{x}/S1-Drill.dat", "a}b/S1-Drill.dat", "{/S1-Drill.dat", "{recording}/S1-Drill.dat"])
def test_a_name_with_braces_is_refused_in_a_sentence(tmp_path, name):
    put(tmp_path / "a", name, "S1-Drill.mp4", "of no matter {z}.txt")
    (trouble,) = local_troubles([folder_of(tmp_path, "a")])
    assert f"found {name}, expected names without {{ and }}" in trouble
    assert "of no matter" not in trouble
    assert "\n" not in trouble


def test_braces_in_a_label_track_are_refused_too(tmp_path):
    put(tmp_path / "a", "S1-Drill.dat", "S1-Drill.mp4", "{b}/S1-Drill.srt")
    native = OpportunityNative(
        sensor_hz=30, video_hz=10, annotation_glob=("**/{recording}.srt",), **dataclasses.asdict(NATIVE)
    )
    (trouble,) = local_troubles([RawFolder("one", "opportunity", str(tmp_path / "a"), ["S1-Drill"], native)])
    assert "found {b}/S1-Drill.srt" in trouble


@pytest.mark.parametrize("adapter", ["opportunity", "hwu_usp"])
def test_each_dataset_of_the_paper_says_where_each_kind_of_file_comes_from(adapter):
    for kind in ("sensor", "video"):
        assert "https://" in origin_of(adapter).of(kind)


def test_opportunity_names_both_places_and_the_login():
    origin = origin_of("opportunity")
    assert "10.24432/C5M027" in origin.of("sensor")
    assert "ieee-dataport.org" in origin.of("video")
    assert "login" in origin.of("video")
    assert "without any video" in origin.remark


def test_hwu_usp_names_the_university():
    assert "Heriot-Watt University" in origin_of("hwu_usp").of("video")


def test_an_adapter_of_the_users_own_is_named():
    assert "'my_home.adapter:MyHome'" in origin_of("my_home.adapter:MyHome").of("sensor")
