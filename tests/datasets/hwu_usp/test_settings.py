import pytest

from detach_core.datasets.hwu_usp.settings import HwuNative
from detach_core.settings.base import from_plain, to_plain

PLAIN = {
    "sensor_hz": 50,
    "video_hz": 25,
    "sensor_glob": ["{recording}.csv"],
    "video_glob": ["{recording}.mp4"],
    "time_column": "t",
    "channels": ["a"],
    "value_map": {"ON": 1, "AJAR": None},
    "video_offset_s": {"tea_s01": 1.5},
}


def test_native_settings_come_back_from_their_plain_values():
    native = from_plain(HwuNative, PLAIN)
    assert (native.sensor_hz, native.channels, native.value_map) == (50.0, ("a",), {"ON": 1.0, "AJAR": None})
    assert from_plain(HwuNative, to_plain(native)) == native


def test_an_unknown_key_is_refused():
    with pytest.raises(TypeError, match="HwuNative: unknown windows; known are "):
        from_plain(HwuNative, PLAIN | {"windows": ["a"]})
