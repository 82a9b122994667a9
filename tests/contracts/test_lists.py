from dataclasses import fields
from typing import Any, get_args, get_type_hints

from detach_core.contracts import lists
from detach_core.contracts.lists import FigureRow, ListRow

# Of the package alone: other tests declare rows too.
ROWS = [row for row in ListRow.__subclasses__() if row.__module__ == lists.__name__]


def test_each_list_has_a_schema_of_its_own():
    schemas = [row.schema for row in ROWS]
    assert len(set(schemas)) == len(schemas) == 10
    assert all(schema in vars(lists).values() for schema in schemas)


def test_columns_are_declared_for_all_lists_but_a_figures():
    assert [row for row in ROWS if not get_type_hints(row)] == [FigureRow]


def test_a_column_that_several_lists_share_has_one_type_in_all_so_that_they_can_be_joined():
    kinds: dict[str, Any] = {}
    for row in ROWS:
        if row is lists.DataRow:  # whose attributes differ in kind, as text
            continue
        for name, hint in get_type_hints(row).items():
            kinds.setdefault(name, set()).add(next(iter(get_args(hint)), hint))
    assert {name: found for name, found in kinds.items() if len(found) > 1} == {}
    runs = ["dataset", "split", "variant", "method", "seed"]
    for row in (lists.PredictionRow, lists.MetricsRow, lists.ClassRow, lists.EmbeddingRow):
        assert [field.name for field in fields(row)][:5] == runs
