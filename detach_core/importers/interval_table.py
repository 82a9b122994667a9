"""Tables of labelled intervals: a stamp where each begins, one where it ends, and what it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from detach_core.importers.events import Interval
from detach_core.importers.stamps import LocalTimes, parse_stamp, refuse_stamp
from detach_core.importers.text_table import read_table


def interval_table(path: Path, times: LocalTimes, columns: tuple[str, str, str]) -> list[Interval]:
    """The rows of a table with the `columns` start, end and label, under whatever names.

    Raises:
        BadInputError: a column is missing, or a time is none or cannot be settled; names the line.
    """
    first, last, name = columns
    rows = []
    for number, row in read_table(path, columns):
        start, end = (stamp_of(path, number, row, column) for column in (first, last))
        rows.append((number, start, (end, row[name])))
    return [
        Interval(number, start, times.moment(number, end, not_before=start), label)
        for number, start, (end, label) in times.resolve(rows)
    ]


def stamp_of(path: Path, number: int, row: Mapping[str, str], column: str) -> datetime:
    """The time in a row's cell.

    Raises:
        BadInputError: the cell holds no time; names line and column.
    """
    stamp = parse_stamp(row[column])
    if stamp is None:
        raise refuse_stamp(path, f"line {number}, column {column}", row[column])
    return stamp
