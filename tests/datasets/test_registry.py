import pytest

from detach_core.datasets.hwu_usp.adapter import HwuUsp
from detach_core.datasets.registry import DATASETS, build_adapter
from detach_core.foundation.errors import UserError


def test_every_adapter_reads_its_own_files_into_the_contract(opportunity_folder, hwu_folder, own_home):
    opportunity_folder.add("S1-Drill")
    hwu_folder.add("tea_s01")
    own_home.add("day1")
    cases = {
        "opportunity": (opportunity_folder, "S1-Drill", ["Open Fridge"]),
        "hwu_usp": (hwu_folder, "tea_s01", ["tea"]),
        "folder": (own_home, "day1", ["cook"]),
    }
    assert set(cases) == set(DATASETS)
    for name, (folder, recording_id, classes) in cases.items():
        adapter = build_adapter(name, folder.native, classes=classes)
        recording = adapter.read_recording(folder.root, recording_id)
        assert recording.recording_id == recording_id
        assert recording.sensor.shape == (len(recording.time_s), len(adapter.channel_names))
        assert len(adapter.channel_units) == len(adapter.channel_names)
        assert len(adapter.places.of_class) == len(adapter.class_names) == 1
        assert len(adapter.places.channels) == len(adapter.places.names)
        assert adapter.find_files(folder.root, recording_id).video == recording.video_path


def test_an_adapter_outside_the_package_is_reached_by_module_and_class(hwu_folder):
    adapter = build_adapter("detach_core.datasets.hwu_usp.adapter:HwuUsp", hwu_folder.native, classes=["tea"])
    assert isinstance(adapter, HwuUsp)


@pytest.mark.parametrize("name", ["opportunity_2", "no_such_module:Home", "detach_core.datasets.hwu_usp:Home"])
def test_an_unknown_adapter_is_refused(name, hwu_folder):
    with pytest.raises(UserError, match=r"unknown adapter|cannot be imported"):
        build_adapter(name, hwu_folder.native)
