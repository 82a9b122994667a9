import pytest

from detach_core.config.load import load_config
from detach_core.datasets.hwu_usp.settings import HwuNative


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
    native = load_config(data).document.datasets["hwu_usp"].native
    assert isinstance(native, HwuNative)
    assert native.value_map["AJAR"] is None


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
    native = load_config(data).document.datasets["hwu_usp"].native
    assert isinstance(native, HwuNative)
    assert native.value_map["ON"] == 1.0


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("datasets.hwu_usp.window.length_s", 0),
        ("datasets.hwu_usp.missing.max_nan_share", 1.5),
        ("datasets.hwu_usp.missing.all_nan_channel", "ignore"),
        ("datasets.hwu_usp.video.image_px", [64, 48, 3]),
        ("datasets.hwu_usp.video.crop_px", [0, 0, 10]),
        ("datasets.hwu_usp.video.length_tolerance_s", -1),
        ("datasets.hwu_usp.flow.method", "tvl1"),
        ("datasets.hwu_usp.flow.max_px", 0),
    ],
)
def test_windows_and_videos_out_of_range_are_refused(set_key, mistakes, path, value):
    (line,) = mistakes(set_key(path, value))
    assert line.startswith(path)


def test_an_adapter_is_one_of_these_or_a_class_of_ones_own(set_key, mistakes):
    assert mistakes(set_key("datasets.hwu_usp.adapter", "hwu")) == [
        "datasets.hwu_usp.adapter: must be one of opportunity, hwu_usp, folder, or `module:Class`, got 'hwu'"
    ]
    (line,) = mistakes(set_key("datasets.hwu_usp.adapter", "no_such_package:Home"))
    assert line.startswith("datasets.hwu_usp.adapter: adapter 'no_such_package:Home' cannot be imported: ModuleNotFou")
    (line,) = mistakes(set_key("datasets.hwu_usp.adapter", "os:system"))
    assert line == "datasets.hwu_usp.adapter: adapter 'os:system' has no `settings_type`, a subclass of Settings"


def test_a_dataset_without_a_simulated_home_is_not_simulated(data, mistakes):
    section = data["datasets"]["hwu_usp"]
    section["adapter"] = "detach_core.datasets.hwu_usp.adapter:HwuUsp"
    del section["home"]
    assert mistakes(data) == [
        "datasets.hwu_usp.source: must be local or download, as no simulated home writes files of adapter "
        "detach_core.datasets.hwu_usp.adapter:HwuUsp"
    ]
    section |= {"source": "local", "root": "mine"}
    assert load_config(data).recordings("hwu_usp")[0] == "cereals_s01"
    section["home"] = {"seed": 0}
    (line,) = mistakes(data)
    assert line.startswith("datasets.hwu_usp.home: ")


@pytest.mark.parametrize("adapter", [None, 3, ["hwu_usp"]])
def test_an_adapter_that_is_no_text_is_refused(set_key, mistakes, adapter):
    assert mistakes(set_key("datasets.hwu_usp.adapter", adapter)) == [
        f"datasets.hwu_usp.adapter: must be a text, got {adapter!r}"
    ]


def test_the_mistakes_of_a_section_are_told_with_those_of_others(data, mistakes):
    del data["datasets"]["hwu_usp"]["source"]
    data["datasets"]["hwu_usp"]["native"]["channel"] = []
    data["splits"]["default"]["hwu_usp"]["fold"] = 3
    data["threads"] = 0
    assert set(mistakes(data)) == {
        "threads: must be >= 1, got 0",
        "datasets.hwu_usp.source: missing",
        "datasets.hwu_usp.native.channel: unknown key, did you mean `channels`?",
        "splits.default.hwu_usp.fold: unknown key, did you mean `folds`?",
    }


def test_what_a_user_rarely_changes_has_a_default(data):
    section = data["datasets"]["hwu_usp"]
    for key in ("root", "window", "missing", "video", "flow", "download", "spatial_batch_size"):
        del section[key]
    for key in ("video_offset_s", "rate_tolerance", "lost_words"):
        del section["native"][key]
    found = load_config(data).document.datasets["hwu_usp"]
    assert isinstance(found.native, HwuNative)
    assert (found.window.length_s, found.video.image_px, found.native.rate_tolerance) == (2.0, (64, 48), 0.05)
