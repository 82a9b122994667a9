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


def test_the_defaults_are_those_of_the_configuration(data):
    settings = load_config(data).variant("cav_mae").settings
    data["methods"].pop("cav_mae")
    assert load_config(data).variant("cav_mae").settings == settings
