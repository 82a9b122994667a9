import pytest

from detach_core.datasets.registry import DATASETS, FileGlobs


def test_a_kind_of_file_that_a_dataset_does_not_have_has_no_patterns():
    globs = FileGlobs(sensor_glob=("{recording}.csv",), video_glob=("{recording}.mp4",))
    assert (globs.globs("video"), globs.globs("annotation")) == (("{recording}.mp4",), ())


@pytest.mark.parametrize(("adapter", "name"), [("opportunity", "S4-ADL5"), ("hwu_usp", "ADL5_S4")])
def test_a_recording_is_named_by_its_subject_and_take(adapter, name):
    assert DATASETS.settings(adapter).recording_id(subject="S4", take="ADL5") == name
