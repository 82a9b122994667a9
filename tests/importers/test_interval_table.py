from datetime import UTC, datetime

import pytest

from detach_core.foundation.errors import BadInputError
from detach_core.importers.interval_table import interval_table, stamp_of
from detach_core.importers.stamps import LocalTimes

NAMES = ("begin", "finish", "what")


def read(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text)
    return path, interval_table(path, LocalTimes(path, None, None), NAMES)


def test_the_columns_may_have_any_names_and_order(tmp_path):
    _, found = read(tmp_path, "what,begin,more,finish\nTea,2026-01-05T08:00:00Z,x,2026-01-05T08:05:00+00:00\n")
    (one,) = found
    assert (one.start, one.end, one.label) == (
        datetime(2026, 1, 5, 8, tzinfo=UTC),
        datetime(2026, 1, 5, 8, 5, tzinfo=UTC),
        "Tea",
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("begin,finish,what\nsoon,2026-01-05T08:00:00Z,Tea\n", "line 2, column begin"),
        ("begin,finish,what\n2026-01-05T08:00:00Z,,Tea\n", "line 2, column finish"),
        ("begin,finish\n2026-01-05T08:00:00Z,2026-01-05T09:00:00Z\n", "line 1"),
    ],
)
def test_what_is_no_time_or_no_such_table_is_refused_with_its_place(tmp_path, text, place):
    with pytest.raises(BadInputError) as error:
        read(tmp_path, text)
    assert error.value.place == place


def test_a_cell_is_a_time_or_refused(tmp_path):
    assert stamp_of(tmp_path, 3, {"t": "2026-01-05T08:00:00Z"}, "t") == datetime(2026, 1, 5, 8, tzinfo=UTC)
    with pytest.raises(BadInputError, match="line 3, column t"):
        stamp_of(tmp_path, 3, {"t": "noon"}, "t")
