import pytest

from detach_core.reports.settings import DataTable, ResultsTable, TableJob
from detach_core.settings.base import from_plain

DATASETS = ["opportunity"]


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        (
            {"rows": ["detach"], "datasets": DATASETS, "splits": ["default"]},
            ResultsTable(("detach",), ("opportunity",), ("default",)),
        ),
        ({"datasets": DATASETS, "split": "default"}, DataTable(("opportunity",), "default")),
    ],
)
def test_a_table_is_told_by_its_keys(plain, expected):
    assert from_plain(TableJob, {"table": plain, "seeds": [0]}).table == expected


def test_a_table_of_neither_kind_is_refused():
    with pytest.raises(TypeError, match="unknown row"):
        from_plain(TableJob, {"table": {"row": ["detach"], "datasets": DATASETS, "split": "default"}})
