from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detach_core.foundation import files as patterns_module
from detach_core.foundation.errors import BadInputError
from detach_core.foundation.files import describe_files, list_files, match_one, matching_files, name_some

SENSOR = ["**/{recording}_sensors_data.txt", "**/{recording}.dat"]


def put(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")


def test_a_double_star_stands_for_any_number_of_folders(tmp_path):
    for name in ("S1-ADL1.dat", "a/S1-ADL1.dat", "a/b/S1-ADL1.dat"):
        assert matching_files([name, "a/S1-ADL2.dat"], SENSOR, "S1-ADL1") == [name]


def test_the_first_fitting_pattern_decides(tmp_path):
    put(tmp_path, "dataset/S1-ADL1.dat", "data/S1-ADL1/S1-ADL1_sensors_data.txt")
    assert match_one(tmp_path, SENSOR, "S1-ADL1") == tmp_path / "data/S1-ADL1/S1-ADL1_sensors_data.txt"
    assert match_one(tmp_path, SENSOR[::-1], "S1-ADL1") == tmp_path / "dataset/S1-ADL1.dat"


def test_a_star_stays_inside_its_part():
    assert matching_files(["a/b.txt", "b.txt"], ["*.txt"], "b") == ["b.txt"]
    assert matching_files(["x/a/b.txt", "a/b.txt"], ["*/b.txt"], "b") == ["a/b.txt"]


def test_one_recording_is_never_taken_for_another_that_begins_alike():
    assert matching_files(["S1-ADL11.dat", "S1-ADL1.dat"], SENSOR, "S1-ADL1") == ["S1-ADL1.dat"]


def test_a_recording_with_pattern_signs_is_taken_literally():
    assert matching_files(["a[1].dat", "a1.dat"], ["**/{recording}.dat"], "a[1]") == ["a[1].dat"]
    assert matching_files(["a*.dat", "ab.dat"], ["**/{recording}.dat"], "a*") == ["a*.dat"]


def test_two_fitting_files_are_refused_and_both_are_named(tmp_path):
    put(tmp_path, "cam1/S1-ADL1.mp4", "cam2/S1-ADL1.mp4")
    with pytest.raises(BadInputError) as error:
        match_one(tmp_path, ["**/{recording}.mp4"], "S1-ADL1", key="native.video_glob")
    assert "cam1/S1-ADL1.mp4, cam2/S1-ADL1.mp4" in str(error.value)
    assert "narrow `native.video_glob`" in str(error.value)


def test_no_fitting_file_lists_what_the_folder_holds(tmp_path):
    put(tmp_path, "S1-ADL1.mov", "readme.txt", *(f"other/{i}.jpg" for i in range(20)))
    with pytest.raises(BadInputError) as error:
        match_one(tmp_path, ["**/{recording}.mp4"], "S1-ADL1", key="native.video_glob")
    message = str(error.value)
    assert "22 files (20 .jpg, 1 .mov, 1 .txt), such as S1-ADL1.mov" in message
    assert "one file like **/S1-ADL1.mp4" in message
    assert "set `native.video_glob`" in message


def test_a_missing_folder_and_a_file_in_its_place_are_refused(tmp_path):
    put(tmp_path, "file")
    with pytest.raises(BadInputError, match="found nothing, expected a folder"):
        list_files(tmp_path / "absent")
    with pytest.raises(BadInputError, match="found a file, expected a folder"):
        list_files(tmp_path / "file")


def test_hidden_and_macos_files_are_never_seen(tmp_path):
    put(tmp_path, "__MACOSX/S1-ADL1.dat", "._S1-ADL1.dat", ".cache/S1-ADL1.dat", "S1-ADL1.dat")
    assert list_files(tmp_path) == ("S1-ADL1.dat",)


def test_links_to_folders_are_followed_and_circles_end(tmp_path):
    put(tmp_path, "real/S1-ADL1.dat")
    root = tmp_path / "root"
    root.mkdir()
    (root / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "back").symlink_to(root)
    assert list_files(root) == ("linked/S1-ADL1.dat",)


def test_a_folder_with_too_many_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(patterns_module, "MAX_FILES", 3)
    put(tmp_path, *"abcd")
    with pytest.raises(BadInputError, match="more than 3 files"):
        list_files(tmp_path)


def test_an_empty_folder_is_called_so(tmp_path):
    with pytest.raises(BadInputError, match="found an empty folder"):
        match_one(tmp_path, SENSOR, "S1-ADL1")
    assert describe_files([]) == "an empty folder"


def test_long_lists_are_cut():
    assert name_some(list("abcdef"), limit=2) == "a, b and 4 more"


def test_importing_the_matcher_imports_nothing_heavy():
    code = (
        "import sys, detach_core.foundation.files\n"
        "heavy = {'numpy', 'torch', 'h5py', 'requests', 'pandas', 'cv2', 'av', 'yaml'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


names = st.text(st.sampled_from("ab*?[]!-{}./\\^S1é"), max_size=12)


@settings(max_examples=200, deadline=None)
@given(names, names, st.lists(names, max_size=5))
def test_any_pattern_and_any_recording_select_only_listed_files(pattern, recording, files):
    found = matching_files(files, [pattern, "**/{recording}"], recording)
    assert set(found) <= set(files)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab*?[]!-S1é"), min_size=1, max_size=8), st.lists(st.sampled_from("abc"), max_size=4))
def test_a_recording_always_finds_its_own_file(recording, folders):
    path = "/".join([*folders, f"{recording}.dat"])
    assert matching_files([path, "x/other"], SENSOR, recording) == [path]
