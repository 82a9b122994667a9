import pytest

from detach_core.config.load import load_config
from detach_core.methods.detach.settings import DetachSettings


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("methods.detach.momentum", 1.0),
        ("methods.detach.momentum_left", 0.0),
        ("methods.detach.z_parts", []),
        ("methods.detach.z_parts", ["x"]),
        ("methods.detach.temperature", 0),
        ("methods.detach.epochs", 0),
        ("methods.detach.spatial_settings", {"clusters": 3}),
        ("methods.detach.momentun", 0.9),
        ("spatial.default.confident_quantile", 0),
        ("spatial.default.min_size", 2),
        ("spatial.default.stop", "never"),
        ("spatial.default.plateau", {"rate": 0.1, "epochs": 0}),
        ("spatial.default.joint_epochs", 0),
        ("spatial.default.memory_momentum", 0),
        ("spatial.default.lr", 0.1),
        ("spatial.default.paper_steps", 10),
    ],
)
def test_values_out_of_range_and_keys_of_others_are_refused(set_key, mistakes, path, value):
    (line,) = mistakes(set_key(path, value))
    assert line.startswith(path)


def test_null_keeps_the_momentum_and_the_learning_rate(set_key):
    set_key("methods.detach.momentum_left", None)
    config = load_config(set_key("methods.detach.paper_steps", None))
    settings = config.variant("detach").settings
    assert isinstance(settings, DetachSettings)
    assert (settings.momentum_left, settings.paper_steps) == (None, None)


def test_the_defaults_are_those_of_the_configuration(data):
    config = load_config(data)
    settings = config.variant("detach").settings
    data["methods"].pop("detach")
    data["spatial"].pop("default")
    bare = load_config(data)
    assert bare.variant("detach").settings == settings
    assert bare.spatial("default", "hwu_usp") == config.spatial("default", "hwu_usp")
