import pytest

from detach_core.config.load import load_config


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("masked", 1.0),
        ("width", 40),
        ("heads", 0),
        ("warmup", -0.1),
    ],
)
def test_values_out_of_range_and_misspelt_keys_are_refused(set_key, mistakes, key, value):
    (line,) = mistakes(set_key(f"methods.cav_mae.{key}", value))
    assert line.startswith(f"methods.cav_mae.{key}")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"transform_samples": 128}, "transform_samples must be at most length, 64, got 128"),
        ({"length": 16, "transform_samples": 20}, "transform_samples must be at most length, 16, got 20"),
        ({"hop_samples": 32}, "hop_samples must be at most transform_samples, 16, got 32"),
        ({"transform_samples": 2}, "hop_samples must be at most transform_samples, 2, got 4"),
        ({"heads": 3}, "heads must divide width, 128, got 3"),
        ({"heads": 12, "width": 96}, "heads must divide decoder_width, 64, got 12"),
    ],
)
def test_settings_that_bound_each_other_are_refused(data, set_key, mistakes, changes, line):
    own = data["methods"]["cav_mae"]
    assert mistakes(set_key("methods.cav_mae", own | changes)) == [f"methods.cav_mae: {line}"]
    set_key("methods.cav_mae", own)
    assert mistakes(set_key("variants.x", {"method": "cav_mae", **changes})) == [f"variants.x: {line}"]


@pytest.mark.parametrize(
    "changes",
    [
        {"length": 16, "transform_samples": 16, "hop_samples": 16},
        {"transform_samples": 64},
        {"heads": 64, "width": 64},
    ],
)
def test_settings_at_their_bounds_are_accepted(set_key, changes):
    load_config(set_key("variants.x", {"method": "cav_mae", **changes}))


def test_the_defaults_are_those_of_the_configuration(data):
    settings = load_config(data).variant("cav_mae").settings
    data["methods"].pop("cav_mae")
    assert load_config(data).variant("cav_mae").settings == settings
