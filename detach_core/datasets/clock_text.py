"""Time stamps of unknown notation as seconds since the first one.

Numbers may count seconds, milli-, micro- or nanoseconds: the unit is the one whose rate comes closest to what is
expected.
Anything else must be an ISO 8601 date and time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.errors import BadInputError
from detach_core.contracts.row_files import RowFile, Spool
from detach_core.contracts.rows import MappedRows
from detach_core.signals.median import median
from detach_core.signals.resampling import steps

_LATEST = 1e20  # no clock counts so far, in whatever unit
_UNITS_S = (1.0, 1e-3, 1e-6, 1e-9)


class ClockText:
    """The stamps of one file, added piece by piece; a bad one is told only when the seconds are asked for.

    Args:
        path: the file to name in a refusal.
        folder: where the numbers wait, as memory is not to grow with their number; None is the system's own.
        first_line: the line of the first stamp.
        column: the stamps' column.
    """

    def __init__(self, path: Path, folder: Path | None, *, first_line: int, column: str) -> None:
        self._path, self._line, self._column = path, first_line, column
        self._spool = Spool(folder, (), "float64")
        self._numeric: bool | None = None
        self._origin: datetime | None = None
        self._refusal: BadInputError | None = None

    def append(self, stamps: Sequence[str]) -> None:
        """Add the next stamps, at least one; the very first one says whether all are numbers."""
        if self._refusal is not None:
            return
        if self._numeric is None:
            self._numeric = _is_number(stamps[0])
            self._origin = None if self._numeric else _moment(stamps[0])
        values = np.empty(len(stamps), dtype=np.float64)
        for row, stamp in enumerate(stamps):
            values[row] = self._value(stamp)
            if not abs(values[row]) < _LATEST:
                expected = "a number" if self._numeric else "an ISO date and time such as 2020-01-31 12:00:00.020"
                place = f"line {self._line + row}, column {self._column}"
                self._refusal = BadInputError(
                    self._path, place, found=repr(stamp[:40]), expected=expected, remedy="mend the line"
                )
                return
        self._spool.append(values)
        self._line += len(stamps)

    def seconds(self, *, expected_hz: float) -> MappedRows:
        """(T,) f64 seconds since the first stamp, for stamps that come at about `expected_hz`.

        Raises:
            BadInputError: a stamp is neither a number nor an ISO date and time, or is not like the first; names the
                line.
        """
        if self._refusal is not None:
            raise self._refusal
        values = self._spool.rows()
        origin, unit_s = float(values[0]), self._unit_s(values, expected_hz)
        return MappedRows(values, lambda piece: (piece - origin) * unit_s)

    def _value(self, stamp: str) -> float:
        try:
            if self._numeric:
                return float(stamp)
            moment = _moment(stamp)
            # Subtracted as dates first: seconds since 1970 in float64 would lose microseconds.
            return (moment - self._origin).total_seconds() if moment and self._origin else math.nan
        except (ValueError, TypeError):
            return math.nan

    def _unit_s(self, values: RowFile, expected_hz: float) -> float:
        def forward() -> Iterator[NDArray[np.float64]]:
            # Steps of zero (rounded stamps) say nothing of the unit.
            return (piece[piece > 0] for piece in steps(values))

        if not self._numeric or len(values) < 2:
            return 1.0
        typical = median(forward) if any(len(piece) for piece in forward()) else 1.0
        return min(_UNITS_S, key=lambda unit_s: abs(math.log(typical) + math.log(unit_s * expected_hz)))


def _is_number(stamp: str) -> bool:
    try:
        float(stamp)
    except ValueError:
        return False
    return True


def _moment(stamp: str) -> datetime | None:
    try:
        return datetime.fromisoformat(stamp)
    except ValueError:
        return None
