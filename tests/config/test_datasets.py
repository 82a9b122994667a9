import pytest

from detach_core.config.load import load_config


def test_each_adapter_has_its_own_native_keys(set_key, mistakes):
    assert mistakes(set_key("datasets.opportunity.native.time_column", "t"))[0].startswith(
        "datasets.opportunity.native.time_column: unknown key"
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("datasets.hwu_usp.subjects", ["s 01"]),
        ("datasets.hwu_usp.subjects", []),
        ("datasets.hwu_usp.native.sensor_glob", []),
        ("datasets.hwu_usp.native.rate_tolerance", 2),
        ("datasets.hwu_usp.recordings_per_shard", 0),
        ("datasets.hwu_usp.source", "web"),
        ("datasets.hwu_usp.download.files", [{"url": "ftp://x", "path": "a", "sha256": None, "unpack": False}]),
    ],
)
def test_values_out_of_range_are_refused(set_key, mistakes, path, value):
    (line,) = mistakes(set_key(path, value))
    assert line.startswith(path)


@pytest.mark.parametrize("value", [None, float("nan")])
def test_a_word_may_map_to_a_lost_value(data, value):
    data["datasets"]["hwu_usp"]["native"]["value_map"]["AJAR"] = value
    assert load_config(data).document.datasets["hwu_usp"].native.value_map["AJAR"] is None


def test_a_word_does_not_map_to_infinity_or_to_a_word(set_key, mistakes):
    for value in (float("inf"), "half"):
        (line,) = mistakes(set_key("datasets.hwu_usp.native.value_map", {"AJAR": value}))
        assert line.startswith("datasets.hwu_usp.native.value_map")


@pytest.mark.parametrize("offset", [0, -2.5, {"tea_s01": 1.5, "tidy_s16": -3}])
def test_an_offset_is_a_number_or_one_for_some_recordings(set_key, offset):
    config = load_config(set_key("datasets.hwu_usp.native.video_offset_s", offset))
    assert config.document.datasets["hwu_usp"].native.video_offset_s == offset


@pytest.mark.parametrize(
    ("offset", "message"),
    [
        ({"tee_s01": 1.0}, "datasets.hwu_usp.native.video_offset_s: unknown key, did you mean `tea_s01`?"),
        ({"tea_s01": "late"}, "datasets.hwu_usp.native.video_offset_s"),
        ("late", "datasets.hwu_usp.native.video_offset_s"),
        (float("inf"), "datasets.hwu_usp.native.video_offset_s"),
        (None, "datasets.hwu_usp.native.video_offset_s"),
    ],
)
def test_an_offset_that_is_none_is_refused(set_key, mistakes, offset, message):
    assert all(line.startswith(message) for line in mistakes(set_key("datasets.hwu_usp.native.video_offset_s", offset)))


def test_words_in_files_map_to_numbers(data):
    assert load_config(data).document.datasets["hwu_usp"].native.value_map["ON"] == 1.0
