import pytest

from detach_core.config.load import load_config


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("temperature", 2),
        ("length", 140),
        ("lengths", 400),
    ],
)
def test_values_out_of_range_and_misspelt_keys_are_refused(set_key, mistakes, key, value):
    (line,) = mistakes(set_key(f"methods.imu2clip.{key}", value))
    assert line.startswith(f"methods.imu2clip.{key}")


def test_the_defaults_are_those_of_the_configuration(data):
    settings = load_config(data).variant("imu2clip").settings
    data["methods"].pop("imu2clip")
    assert load_config(data).variant("imu2clip").settings == settings
