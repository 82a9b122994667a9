"""Time stamps of unknown notation as seconds since the first one.

Numbers may count seconds, milli-, micro- or nanoseconds: the unit is the one whose rate comes closest to what is
expected. Numbers whose digits are a date (20200131120000) in the first line and in more than half of all are dates:
those of a counter leave the calendar within a minute. Dates are ISO 8601, long or compact; a time of day may stand
alone. One file has one notation.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path

import numpy as np

from detach_core.contracts.rows import MappedRows, RowFile, Spool
from detach_core.foundation.errors import BadInputError
from detach_core.signals.sample_times import typical_period

_LATEST = 1e20  # no clock counts so far, in whatever unit
_UNITS_S = (1.0, 1e-3, 1e-6, 1e-9)
_HALF_DAY_S = 43_200.0
_EXAMPLE = "2020-01-31 12:00:00.020"
_COMPACT = re.compile(r"((?:19|20)\d{6})(\d{6})[.,]?(\d{0,9})", re.ASCII)
_FORMS = {
    "number": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII),
    "long": re.compile(r"\d{4}-(\d\d-\d\d|W\d\d-\d)[T ]\d\d:\d\d.*", re.ASCII | re.IGNORECASE),
    "basic": re.compile(r"\d{4}(\d{4}|W\d{3})[T ]\d{4}.*", re.ASCII | re.IGNORECASE),
    "time of day": re.compile(r"\d\d:\d\d.*", re.ASCII),
}
# Digits that are no ISO date, but a date all the same: they would pass for numbers.
_UNCLEAR = {
    "%Y%m%d": (8, "a date without a time of day"),
    "%Y%m%d%H%M": (12, "a date and time without seconds"),
    "%y%m%d%H%M%S": (12, "a date with a year of two digits"),
    "%d%m%Y%H%M%S": (14, "a date that begins with its day"),
    "%m%d%Y%H%M%S": (14, "a date that begins with its month"),
}


class ClockText:
    """The stamps of one file, added piece by piece; an invalid one is reported when the seconds are computed.

    Args:
        path: the file to name in a refusal.
        folder: where the numbers wait, as memory is not to grow with their number; None is the system's own.
        first_line: the line of the first stamp.
        column: the stamps' column.
    """

    def __init__(self, path: Path, folder: Path | None, *, first_line: int, column: str) -> None:
        self._path, self._first_line, self._column = path, first_line, column
        self._spool, self._compact = Spool(folder, (), "float64"), Spool(folder, (), "float64")
        self._count = 0
        self._notation: str | None = None
        self._origin: datetime | None = None
        self._last_s = 0.0
        self._dates: dict[str, int] = {}  # how many of the numbers are a date in each form that the first one has
        self._other_row: int | None = None
        self._refusal: BadInputError | None = None

    def append(self, stamps: Sequence[str]) -> None:
        """Add the next stamps, at least one; the very first one determines the notation of all."""
        if self._refusal is None and self._notation is None:
            self._begin(stamps[0])
        if self._refusal is not None:
            return
        values = np.empty(len(stamps), dtype=np.float64)
        for row, stamp in enumerate(stamps):
            values[row] = self._value(stamp)
            if not abs(values[row]) < _LATEST:
                self._refuse(self._count + row, repr(stamp[:40]), self._expected(self._count + row))
                return
            if self._notation == "time of day" and self._last_s - values[row] > _HALF_DAY_S:
                found, expected = f"{stamp[:40]!r}, a time of day after midnight", "a date before each time"
                self._refuse(self._count + row, found, expected)
                return
            self._last_s = float(values[row])
        self._spool.append(values)
        if self._dates:
            self._count_dates(stamps)
        self._count += len(stamps)

    def seconds(self, *, expected_hz: float) -> MappedRows:
        """(T,) f64 seconds since the first stamp, for stamps that come at about `expected_hz`.

        Raises:
            BadInputError: a stamp is neither a number nor an ISO date and time, or is not like the first, or could be
                either; names the line.
        """
        date_form = next((form for form, count in self._dates.items() if 2 * count > self._count), None)
        if date_form in _UNCLEAR:
            self._refuse(0, f"a number that reads as {_UNCLEAR[date_form][1]}", f"seconds, or {_EXAMPLE}")
        elif date_form is not None and self._other_row is not None:
            self._refuse(self._other_row, "a number that is no date", f"one, as in line {self._first_line}")
        if self._refusal is not None:
            raise self._refusal
        if date_form is not None or self._notation != "number":
            moments = self._spool if date_form is None else self._compact
            return MappedRows(moments.rows(), lambda piece: piece)
        values = self._spool.rows()
        origin, unit_s = float(values[0]), _unit_s(values, expected_hz)
        return MappedRows(values, lambda piece: (piece - origin) * unit_s)

    def _begin(self, stamp: str) -> None:
        self._origin = _compact_moment(stamp)
        if self._origin is not None:
            self._notation, self._dates = "number", {"compact": 0}
            return
        self._notation = next((name for name, form in _FORMS.items() if form.fullmatch(stamp)), None)
        if self._notation == "number":
            self._dates = {form: 0 for form in _UNCLEAR if _is_date(stamp, form)}
        else:
            self._origin = _moment(stamp)
        if self._notation is None or (self._notation != "number" and self._origin is None):
            self._refuse(0, repr(stamp[:40]), self._expected(0))

    def _value(self, stamp: str) -> float:
        if not _FORMS[str(self._notation)].fullmatch(stamp):
            # A compact date with a decimal comma is no number, but waits among them.
            return float(stamp.replace(",", ".")) if self._dates and _COMPACT.fullmatch(stamp) else math.nan
        return float(stamp) if self._notation == "number" else self._since_origin_s(_moment(stamp))

    def _since_origin_s(self, moment: datetime | None) -> float:
        try:
            # Subtracted as dates first: seconds since 1970 in float64 would lose microseconds.
            return (moment - self._origin).total_seconds() if moment and self._origin else math.nan
        except TypeError:  # one with an offset from universal time, the other without
            return math.nan

    def _count_dates(self, stamps: Sequence[str]) -> None:
        for form in self._dates.keys() & _UNCLEAR.keys():
            self._dates[form] += sum(_is_date(stamp, form) for stamp in stamps)
        if "compact" in self._dates:
            moments_s = np.array([self._since_origin_s(_compact_moment(stamp)) for stamp in stamps])
            other = np.flatnonzero(np.isnan(moments_s))
            if len(other) and self._other_row is None:
                self._other_row = self._count + int(other[0])
            self._dates["compact"] += len(stamps) - len(other)
            self._compact.append(moments_s)

    def _expected(self, row: int) -> str:
        if row == 0:
            return f"an ISO date and time, year first, such as {_EXAMPLE}, or a number"
        kinds = {"number": "a number", "time of day": "a time of day such as 12:00:00.020"}
        kind = kinds.get(str(self._notation), f"an ISO date and time such as {_EXAMPLE}")
        return f"{kind}, as in line {self._first_line}"

    def _refuse(self, row: int, found: str, expected: str) -> None:
        place = f"line {self._first_line + row}, column {self._column}"
        remedy = "mend the line" if row else "write all times in one of these notations"
        if self._refusal is None:
            self._refusal = BadInputError(self._path, place, found=found, expected=expected, remedy=remedy)


def _moment(stamp: str) -> datetime | None:
    try:
        if _FORMS["time of day"].fullmatch(stamp):
            return datetime.combine(date(2000, 1, 1), time.fromisoformat(stamp))
        return datetime.fromisoformat(stamp)
    except ValueError:
        return None


def _compact_moment(stamp: str) -> datetime | None:
    match = _COMPACT.fullmatch(stamp)
    return _moment(f"{match[1]}T{match[2]}.{match[3] or 0}") if match else None


def _is_date(stamp: str, form: str) -> bool:
    digits = stamp.partition(".")[0]
    if len(digits) != _UNCLEAR[form][0] or not digits.isdecimal():
        return False
    try:
        return 1900 <= datetime.strptime(digits, form).year <= 2100
    except ValueError:
        return False


def _unit_s(values: RowFile, expected_hz: float) -> float:
    step = typical_period(values) if len(values) > 1 else 0.0
    return min(_UNITS_S, key=lambda unit_s: abs(math.log(step) + math.log(unit_s * expected_hz))) if step > 0 else 1.0
