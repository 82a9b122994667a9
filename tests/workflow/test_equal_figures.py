import json

import pytest

from tests.workflow import equal_figures


@pytest.fixture
def different_files(root):
    return equal_figures.different_files


@pytest.fixture
def folders(tmp_path):
    for name in ("first", "second"):
        write(tmp_path / name, {"f1": 0.5, "provenance": {"commit": name, "seed": 0}})
    return tmp_path / "first", tmp_path / "second"


def write(folder, value):
    path = folder / "results" / "home" / "metrics.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def test_another_commit_is_no_difference(different_files, folders):
    assert different_files(*folders) == []


def test_another_figure_a_missing_file_and_no_file_are_differences(different_files, folders, tmp_path):
    first, second = folders
    write(second, {"f1": 0.5000001, "provenance": {"commit": "", "seed": 0}})
    assert different_files(first, second) == ["results/home/metrics.json"]
    (second / "results" / "home" / "metrics.json").unlink()
    assert different_files(first, second) == ["results/home/metrics.json"]
    assert different_files(tmp_path / "a", tmp_path / "b") == ["no metrics.json at all"]
