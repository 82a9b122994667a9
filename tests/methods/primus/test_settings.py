import dataclasses

import pytest

from detach_core.config.load import load_config
from detach_core.methods.primus.settings import PrimusSettings
from detach_core.training.loop import learning_rate_of_run


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


def test_the_row_has_the_official_code_s_views_and_the_other_row_the_paper_s(data):
    config = load_config(data)
    row, published = config.variant("primus").settings, config.variant("primus-published").settings
    assert isinstance(row, PrimusSettings)
    assert isinstance(published, PrimusSettings)
    assert (row.transforms, row.segments) == (("scale", "permute"), 4)
    assert (published.transforms, published.segments) == (("negate", "permute"), 5)
    assert dataclasses.replace(published, transforms=row.transforms, segments=row.segments) == row


@pytest.mark.parametrize("steps", [480, 448])
def test_the_rate_at_the_demo_s_steps(data, steps):
    settings = load_config(data).variant("primus").settings
    assert isinstance(settings, PrimusSettings)
    assert learning_rate_of_run(settings, steps) == pytest.approx(2e-3)


def test_the_defaults_are_those_of_the_configuration(data):
    settings = load_config(data).variant("primus").settings
    data["methods"].pop("primus")
    assert load_config(data).variant("primus").settings == settings
