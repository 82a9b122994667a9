"""Times of a home's files in seconds since 1970: with an offset, as such seconds, or in the home's own time.

In the home's own time an hour comes twice when summer time ends, and one never when it begins. A time in the first is
settled only by the order of its file: where the clock is seen to go back within that hour, what comes before is the
first and what follows the second. In a file that does not show it, and for a time that stands alone, it is refused, as
is any time in the missing hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from detach_core.foundation.errors import BadInputError

EXPECTED = "an ISO date and time such as 2024-05-01T08:00:00+02:00, or seconds since 1970"

_FIRST_S, _LAST_S = 0.0, 4102444800.0  # 1970 to 2100; milliseconds since 1970 lie beyond


class StampError(ValueError):
    """A text that is no time of a home; `found`, `expected` and `remedy` complete a message."""

    def __init__(self, found: str, expected: str = EXPECTED, remedy: str = "write the time in this form") -> None:
        self.found, self.expected, self.remedy = found, expected, remedy
        super().__init__(found)

    def at(self, path: Path, place: str) -> BadInputError:
        """The error with its file and place."""
        return BadInputError(path, place, found=self.found, expected=self.expected, remedy=self.remedy)


@dataclass(frozen=True)
class Stamp:
    """A time in seconds since 1970; `again_s` later, if that is above 0, the clock shows the same once more."""

    time_s: float
    again_s: float = 0.0


def read_stamp(text: str, zone: ZoneInfo) -> Stamp:
    """The time that `text` tells.

    Raises:
        StampError: it is none, or no clock of `zone` ever showed it.
    """
    word = text.strip()
    try:
        number = float(word) if word.isascii() and "_" not in word else None
    except ValueError:
        number = None
    if number is not None:
        if not _FIRST_S <= number < _LAST_S:
            raise StampError(repr(text[:40]), remedy="write seconds, not milliseconds, or an ISO date and time")
        return Stamp(number)
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        raise StampError(repr(text[:40])) from None
    if len(word) <= len("2024-05-01"):
        raise StampError(f"{text[:40]!r}, a date without a time")
    if moment.tzinfo is not None:
        return Stamp(moment.timestamp())
    first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
        found = f"{text[:40]!r}, which no clock of {zone.key} showed, as summer time began"
        raise StampError(found, "a time that there was", "write the times with their offset from universal time")
    return Stamp(first.timestamp(), max(second.timestamp() - first.timestamp(), 0.0))


def read_moment(text: str, zone: ZoneInfo) -> float:
    """The time that `text` alone tells, in seconds since 1970.

    Raises:
        StampError: as `read_stamp`, or the clock showed it twice.
    """
    stamp = read_stamp(text, zone)
    if stamp.again_s:
        raise _twice(text, zone)
    return stamp.time_s


def _twice(text: str, zone: ZoneInfo) -> StampError:
    found = f"{text[:40]!r}, which the clocks of {zone.key} showed twice, as summer time ended"
    return StampError(found, "a time that tells which of the two", "write it with its offset from universal time")


class StampColumn:
    """The times of one file, added piece by piece in the file's order.

    Args:
        path: the file.
        column: their column, for messages.
        zone: of times without an offset.
        unit: what a place in the file is called: `line` or `row`.
    """

    def __init__(self, path: Path, column: str, zone: ZoneInfo, *, unit: str = "line") -> None:
        self._path, self._column, self._zone, self._unit = path, column, zone, unit
        self._time_s: list[NDArray[np.float64]] = []
        self._again_s: list[NDArray[np.float64]] = []
        self._numbers: list[NDArray[np.int64]] = []

    def append(self, texts: Sequence[str], numbers: NDArray[np.int64]) -> None:
        """Add the times of rows with these `numbers` (n,) in the file.

        Raises:
            BadInputError: one is no time; names its place.
        """
        stamps = np.empty((2, len(texts)))
        for row, text in enumerate(texts):
            try:
                stamp = read_stamp(text, self._zone)
            except StampError as error:
                raise error.at(self._path, self.place(int(numbers[row]))) from None
            stamps[:, row] = stamp.time_s, stamp.again_s
        self._time_s.append(stamps[0])
        self._again_s.append(stamps[1])
        self._numbers.append(numbers)

    def place(self, number: int) -> str:
        """The place of row `number` in messages."""
        return f"{self._unit} {number}, column {self._column}"

    def numbers(self) -> NDArray[np.int64]:
        """(T,) each row's number in the file."""
        return np.concatenate(self._numbers) if self._numbers else np.empty(0, np.int64)

    def seconds(self, *, in_order: bool = True) -> NDArray[np.float64]:
        """(T,) seconds since 1970.

        Args:
            in_order: whether the file's times must not run back; those that may do so settle no repeated hour.

        Raises:
            BadInputError: they run back, or one may be either of two times; names its place.
        """
        time_s = np.concatenate(self._time_s) if self._time_s else np.empty(0)
        again_s = np.concatenate(self._again_s) if self._again_s else np.empty(0)
        numbers = self.numbers()
        for first, end in _groups(time_s, again_s):
            back = np.flatnonzero(np.diff(time_s[first:end]) < 0) + 1 if in_order else np.empty(0, np.int64)
            if len(back):
                begin = first + int(back[0])
            elif in_order and first and time_s[first - 1] > time_s[first]:
                begin = first
            else:
                shown = f"{datetime.fromtimestamp(time_s[first], self._zone):%Y-%m-%d %H:%M:%S}"
                raise _twice(shown, self._zone).at(self._path, self.place(int(numbers[first])))
            time_s[begin:end] += again_s[begin:end]
        back = np.flatnonzero(np.diff(time_s) < 0) + 1
        if in_order and len(back):
            row = int(back[0])
            before, after = (
                f"{datetime.fromtimestamp(time_s[one], UTC):%Y-%m-%dT%H:%M:%S.%fZ}" for one in (row - 1, row)
            )
            remedy = "sort the lines by time, or write the times with their offset from universal time"
            raise BadInputError(
                self._path,
                self.place(int(numbers[row])),
                found=f"{after} after {before}",
                expected="times that do not run back",
                remedy=remedy,
            )
        return time_s


def _groups(time_s: NDArray[np.float64], again_s: NDArray[np.float64]) -> list[tuple[int, int]]:
    """(first row, row behind the last) of each run of rows in one repeated hour."""
    rows = np.flatnonzero(again_s)
    if not len(rows):
        return []
    breaks = np.flatnonzero((np.diff(rows) > 1) | (np.abs(np.diff(time_s[rows])) > again_s[rows[1:]])) + 1
    return [(int(rows[a]), int(rows[b - 1]) + 1) for a, b in pairwise([0, *breaks.tolist(), len(rows)])]
