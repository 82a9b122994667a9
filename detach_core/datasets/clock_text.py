"""Time stamps of unknown notation as seconds since the first one.

Numbers may count seconds, milli-, micro- or nanoseconds: the unit is the one whose rate comes closest to what is
expected.
Anything else must be an ISO 8601 date and time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.errors import BadInputError

_LATEST = 1e20  # no clock counts so far, in whatever unit
_UNITS_S = (1.0, 1e-3, 1e-6, 1e-9)


def seconds_from_start(
    path: Path, stamps: Sequence[str], *, expected_hz: float, first_line: int, column: str
) -> NDArray[np.float64]:
    """(T,) seconds since the first stamp.

    Raises:
        BadInputError: a stamp is neither a number nor an ISO date and time, or is not like the first; names the line.
    """
    numeric = _is_number(stamps[0])
    values = np.empty(len(stamps), dtype=np.float64)
    origin = None if numeric else _moment(stamps[0])
    for row, stamp in enumerate(stamps):
        try:
            if numeric:
                values[row] = float(stamp)
            else:
                moment = _moment(stamp)
                # Subtracted as dates first: seconds since 1970 in float64 would lose microseconds.
                values[row] = (moment - origin).total_seconds() if moment and origin else math.nan
        except (ValueError, TypeError):
            values[row] = math.nan
        if not abs(values[row]) < _LATEST:
            expected = "a number" if numeric else "an ISO date and time such as 2020-01-31 12:00:00.020"
            place = f"line {first_line + row}, column {column}"
            raise BadInputError(path, place, found=repr(stamp[:40]), expected=expected, remedy="mend the line")
    if not numeric or len(values) < 2:
        return values - float(values[0])
    steps = np.diff(values)
    # Steps of zero (rounded stamps) say nothing of the unit.
    typical = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0
    unit = min(_UNITS_S, key=lambda unit_s: abs(math.log(typical) + math.log(unit_s * expected_hz)))
    return (values - float(values[0])) * unit


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
