import pytest

from detach_core.config.load import load_config


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("teacher_epochs", 0),
        ("student_temperature", 0),
        ("hidden", 0),
        ("lr", 2),
    ],
)
def test_values_out_of_range_and_misspelt_keys_are_refused(set_key, mistakes, key, value):
    (line,) = mistakes(set_key(f"methods.comodo.{key}", value))
    assert line.startswith(f"methods.comodo.{key}")


def test_the_defaults_are_those_of_the_configuration(data):
    settings = load_config(data).variant("comodo").settings
    data["methods"].pop("comodo")
    assert load_config(data).variant("comodo").settings == settings
