import pytest
from detach_core.config.methods import METHOD_CONFIGS

from detach_core.config.document import SHARED


@pytest.mark.parametrize("method", METHOD_CONFIGS)
def test_a_method_uses_sections_that_exist_and_do_not_hide_its_own_keys(method):
    section = METHOD_CONFIGS[method]
    assert set(section.shared) <= {*SHARED, "snapshots"}
    assert not set(section.shared) & set(section.model_fields)
    assert not {"method", "spatial", "device", "threads", "devices", "nodes"} & set(section.model_fields)


@pytest.mark.parametrize(
    ("key", "value"),
    [("momentum", 1.0), ("momentum_left", 0.0), ("z_parts", []), ("z_parts", ["x"]), ("temperature", 0), ("epochs", 0)],
)
def test_values_out_of_range_are_refused(set_key, mistakes, key, value):
    (line,) = mistakes(set_key(f"methods.detach.{key}", value))
    assert line.startswith(f"methods.detach.{key}")


def test_null_keeps_the_momentum_and_the_learning_rate(set_key):
    from detach_core.config.load import load_config

    set_key("methods.detach.momentum_left", None)
    load_config(set_key("methods.detach.paper_steps", None))
