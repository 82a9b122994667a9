import re

import pytest

from detach_core.config.load import load_config


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


def test_a_row_that_names_a_table_in_its_comment_stands_in_it(data, root):
    config = load_config(data)
    text = (root / "config" / "results.yaml").read_text(encoding="utf-8")
    named = re.findall(r"^  ([\w-]+): \{.*\} *# Table (\d)", text, re.MULTILINE)
    rows = [(name, number) for name, number in named if name in config.runs]
    assert len(rows) >= 5
    assert [(name, number) for name, number in rows if name not in config.rows(f"table{number}")] == []
