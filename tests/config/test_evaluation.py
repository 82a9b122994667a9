import pytest


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("probe.kind", "svm"),
        ("probe.c", []),
        ("probe.c", [0]),
        ("probe.inner_folds", 1),
        ("probe.bootstrap", 0),
        ("probe.confidence", 1),
    ],
)
def test_values_out_of_range_are_refused(set_key, mistakes, path, value):
    (line,) = mistakes(set_key(path, value))
    assert line.startswith(path)
