"""Times of logs: stamps in the notations that logs use, and local times made unambiguous over summer-time changes.

A time without an offset from universal time is local. Of the hour that the end of summer time repeats, the stamps of
one log are told apart by their order alone: the one step back among them separates the two passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo

from detach_core.foundation.errors import BadInputError, UserError, shown

Pass = Literal["earlier", "later"]
Payload = TypeVar("Payload")

ISO_EXAMPLE = "2020-01-31 12:00:00"
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*", re.ASCII)
# mosquitto_sub writes its offset behind a Z.
_MOSQUITTO_OFFSET = re.compile(r"Z(?=[+-]\d{4}$)", re.ASCII)
_DAY_MONTH_YEAR = re.compile(r"(\d\d?)-([A-Za-z]{3})-(\d{4}) (\d\d:\d\d:\d\d(?:\.\d+)?)", re.ASCII)
_EPOCH = re.compile(r"\d{9,10}(?:\.\d+)?|\d{12,13}", re.ASCII)
_LATEST_S = 7.2e9  # in 2198
_FIRST_YEAR, _LAST_YEAR = 1900, 2200  # of recordings; far from those between which Python can reckon
_LONGEST_RUN = timedelta(hours=2)  # no time zone repeats more; a longer step begins another change


def parse_stamp(text: str) -> datetime | None:
    """The moment that `text` names; None if it names none.

    ISO 8601 with date and time, day-month-year with an English month (`25-Feb-2008 00:20:14`), and seconds (9 or 10
    digits, with decimals) or milliseconds (12 or 13 digits) since 1970. Only the last two, and ISO 8601 with an offset,
    give an aware time.
    """
    text = text.strip()
    if _EPOCH.fullmatch(text):
        seconds = float(text) if len(text.partition(".")[0]) < 12 else float(text) / 1000.0
        return from_epoch(seconds) if seconds < _LATEST_S else None
    if match := _DAY_MONTH_YEAR.fullmatch(text):
        day, name, year, of_day = match.groups()
        month = _MONTHS.get(name.lower())
        text = f"{year}-{month:02}-{int(day):02} {of_day}" if month else ""
    if not _ISO.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(_MOSQUITTO_OFFSET.sub("", text))
    except ValueError:
        return None
    return moment if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None


def from_epoch(seconds: float) -> datetime:
    """The moment `seconds` after the beginning of 1970, to the microsecond.

    Raises:
        ValueError: it lies outside the years of recordings.
    """
    if not abs(seconds) < _LATEST_S:
        raise ValueError(f"{seconds} seconds since 1970 are no time of a recording")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=round(seconds * 1e6))


def refuse_stamp(path: Path, place: str, text: str) -> BadInputError:
    """The refusal of `text`, which `parse_stamp` could not read."""
    expected = f"a date and time such as {ISO_EXAMPLE}"
    return BadInputError(path, place, found=shown(text), expected=expected, remedy="mend the line")


def time_zone(name: str) -> ZoneInfo:
    """The time zone `name`, such as `Europe/Amsterdam`.

    Raises:
        UserError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; no name at all; the name of a folder of them
        example = "UTC, Europe/Amsterdam or America/New_York"
        raise UserError(f"--time-zone: found {shown(name)}, expected a time zone such as {example}") from None


def chosen_moment(text: str | None, zone: tzinfo, option: str) -> datetime | None:
    """The moment of an option such as `--from`, local in `zone` unless it has an offset; None if it was not given.

    Raises:
        UserError: it is no date and time, or falls into a summer-time change.
    """
    if text is None:
        return None
    moment = parse_stamp(f"{text} 00:00" if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else text)
    if moment is None:
        raise UserError(f"{option}: found {shown(text)}, expected a date, or a date and time such as {ISO_EXAMPLE}")
    if moment.tzinfo is None:
        if _change(moment, zone) is not None:
            raise UserError(
                f"{option}: {text} does not name one moment in {zone}, where clocks change then; give its offset from"
                f" universal time too, such as {text}+00:00"
            )
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC)


def _change(stamp: datetime, zone: tzinfo) -> Literal["missing", "repeated"] | None:
    """Whether clocks in `zone` skip or repeat the local time `stamp` (PEP 495)."""
    first, second = (stamp.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    if first is None or second is None or first == second:
        return None
    return "missing" if first < second else "repeated"


class LocalTimes:
    """Local stamps of one log, as moments.

    Args:
        path: the log, for refusals.
        zone: the zone of stamps without an offset; None refuses them.
        repeated: the pass of repeated stamps that their order does not tell apart; None refuses those.
        unit: what `number` in a row counts, for refusals.
    """

    def __init__(self, path: Path, zone: tzinfo | None, repeated: Pass | None = None, *, unit: str = "line") -> None:
        self._path, self._zone, self._repeated, self._unit = path, zone, repeated, unit

    def resolve(self, rows: Iterable[tuple[int, datetime, Payload]]) -> Iterator[tuple[int, datetime, Payload]]:
        """The rows (number, stamp, payload) with their moments in universal time, in the same order.

        Raises:
            BadInputError: a stamp that clocks skipped, or one of a repeated hour that order does not resolve.
        """
        run: list[tuple[int, datetime, Payload]] = []
        for number, stamp, payload in rows:
            repeats = stamp.tzinfo is None and _change(stamp, self._zone_of(number)) == "repeated"
            if run and not (repeats and abs(stamp - run[-1][1]) < _LONGEST_RUN):
                yield from self._passes(run)
                run = []
            if repeats:
                run.append((number, stamp, payload))
            else:
                yield number, self.moment(number, stamp), payload
        yield from self._passes(run)

    def moment(self, number: int, stamp: datetime, *, not_before: datetime | None = None) -> datetime:
        """The moment of one stamp; of a repeated hour, the only pass that is not before `not_before`.

        Raises:
            BadInputError: as `resolve`.
        """
        if stamp.tzinfo is not None:
            return stamp.astimezone(UTC)
        zone = self._zone_of(number)
        change = _change(stamp, zone)
        if change == "missing":
            expected = f"a time that clocks in {zone} show; they go forward over this one"
            raise self._refusal(number, stamp, expected, "give the log's own zone as --time-zone, or mend the line")
        passes = [stamp.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in ((0, 1) if change else (0,))]
        possible = [moment for moment in passes if not_before is None or moment >= not_before] or passes
        if len(possible) > 1 and self._repeated is None:
            raise self._unresolved(number, stamp)
        return possible[-1 if self._repeated == "later" else 0]

    def _passes(self, run: list[tuple[int, datetime, Payload]]) -> Iterator[tuple[int, datetime, Payload]]:
        backward = [row for row in range(1, len(run)) if run[row][1] < run[row - 1][1]]
        if len(backward) > 1 or (run and not backward and self._repeated is None):
            raise self._unresolved(*run[backward[1] if backward else 0][:2])
        second_pass = backward[0] if backward else (0 if self._repeated == "later" else len(run))
        for row, (number, stamp, payload) in enumerate(run):
            moment = stamp.replace(tzinfo=self._zone, fold=int(row >= second_pass))
            yield number, moment.astimezone(UTC), payload

    def _zone_of(self, number: int) -> tzinfo:
        if self._zone is None:
            found, expected = "a time without an offset from universal time", "an offset, or the zone of these times"
            remedy = "give the zone as --time-zone, such as Europe/Amsterdam"
            raise BadInputError(
                self._path, f"{self._unit} {number}", found=found, expected=expected, remedy=remedy
            ) from None
        return self._zone

    def _unresolved(self, number: int, stamp: datetime) -> BadInputError:
        expected = f"one step back in the hour that clocks in {self._zone} repeat, to tell its two passes apart"
        return self._refusal(number, stamp, expected, "say which pass it is by --repeated-hour earlier or later")

    def _refusal(self, number: int, stamp: datetime, expected: str, remedy: str) -> BadInputError:
        return BadInputError(self._path, f"{self._unit} {number}", found=f"{stamp}", expected=expected, remedy=remedy)
