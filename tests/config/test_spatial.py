import pytest


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spatial.default.confident_quantile", 0),
        ("spatial.default.min_size", 2),
        ("spatial.default.stop", "never"),
        ("spatial.default.plateau", {"rate": 0.1, "epochs": 0}),
        ("spatial.default.joint_epochs", 0),
        ("spatial.default.memory_momentum", 0),
    ],
)
def test_values_out_of_range_are_refused(set_key, mistakes, path, value):
    (line,) = mistakes(set_key(path, value))
    assert line.startswith(path)
