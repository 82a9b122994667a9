import pytest


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("optimizer.lr", 0),
        ("optimizer.weight_decay", -1),
        ("optimizer.max_lr", 2),
    ],
)
def test_values_out_of_range_are_refused(set_key, mistakes, path, value):
    (line,) = mistakes(set_key(path, value))
    assert line.startswith(path)
