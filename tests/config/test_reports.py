import pytest


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("tables.table7.datasets", []),
        ("tables.table1.rows", []),
        ("tables.table1.splits", 3),
    ],
)
def test_values_out_of_range_are_refused(set_key, mistakes, path, value):
    (line,) = mistakes(set_key(path, value))
    assert line.startswith(path)
