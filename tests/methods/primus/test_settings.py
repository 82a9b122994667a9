import pytest

from detach_core.config.load import load_config


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("transforms", ["flip"]),
        ("segments", 1),
        ("queue", 0),
        ("self_supervised_weight", 1.5),
    ],
)
def test_values_out_of_range_and_misspelt_keys_are_refused(set_key, mistakes, key, value):
    (line,) = mistakes(set_key(f"methods.primus.{key}", value))
    assert line.startswith(f"methods.primus.{key}")


def test_the_defaults_are_those_of_the_configuration(data):
    settings = load_config(data).variant("primus").settings
    data["methods"].pop("primus")
    assert load_config(data).variant("primus").settings == settings
