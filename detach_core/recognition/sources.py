"""Samples from files, growing files, standard input and MQTT, a batch at a time.

A table is one of three forms, by its header: regular columns (`time` and one column a channel), events (`time, sensor,
value`: a channel holds its value until its next event) and intervals (`start, end, sensor`: on from start to end). A
time is ISO 8601, with its offset or in a zone that is given, or seconds. A value is a number, a word of a switch, or a
gap.
"""

from __future__ import annotations

import csv
import math
import os
import queue
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.recognizer import Resampling
from detach_core.foundation.errors import BadInputError, UserError, shown
from detach_core.foundation.files import name_some

WORDS = {
    **dict.fromkeys(("on", "open", "opened", "true", "yes", "present", "detected", "active"), 1.0),
    **dict.fromkeys(("off", "closed", "close", "false", "no", "absent", "clear", "inactive"), 0.0),
    **dict.fromkeys(("", "unavailable", "unknown", "none", "null", "nan", "n/a"), math.nan),
}

_ROWS_AT_ONCE = 4096
_POLL_S = 0.1
_EVENTS, _INTERVALS = ("time", "sensor", "value"), ("start", "end", "sensor")


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples (n, given channels) and when each was taken (n,) in seconds; none where time has merely passed."""

    values: NDArray[np.floating]
    time_s: NDArray[np.float64]


def iso_time(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


@dataclass
class Clock:
    """Seconds of times as they are written; `zone` is that of times without an offset.

    `is_absolute` tells, once a time was read, whether seconds count from 1970.
    """

    zone: str | None = None
    is_absolute: bool = False
    _last_s: float = -math.inf

    def __post_init__(self) -> None:
        try:
            self._zone = None if self.zone is None else ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise UserError(
                f"time zone: found {shown(self.zone)}, expected a name such as Europe/Amsterdam; correct it"
            ) from None

    def seconds(self, text: Any) -> float:
        """The seconds of a time.

        Raises:
            ValueError: it is none, or has neither offset nor zone; says which.
        """
        if isinstance(text, int | float):
            return self._counted(float(text))
        if not isinstance(text, datetime):
            try:
                return self._counted(float(text))
            except ValueError:
                pass
            try:
                text = datetime.fromisoformat(text.strip())
            except ValueError:
                raise ValueError("an ISO 8601 time or seconds") from None
        self.is_absolute = True
        if text.tzinfo is None:
            text = self._local(text)
        self._last_s = text.timestamp()
        return self._last_s

    def _counted(self, seconds: float) -> float:
        if not math.isfinite(seconds):
            raise ValueError("finite seconds")
        self.is_absolute |= seconds > 1e8
        return seconds

    def _local(self, moment: datetime) -> datetime:
        """A time of the zone; of an hour that comes twice the second one, where the first would run back."""
        if self._zone is None:
            raise ValueError(
                "a time with its offset, such as 2020-01-31T12:00:00+01:00, or --time-zone for those without"
            )
        first = moment.replace(tzinfo=self._zone)
        return first if first.timestamp() >= self._last_s else first.replace(fold=1)


def number(value: Any) -> float:
    """A value as a number: words of a switch are 1 and 0, gaps NaN.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, int | float):
        return float(value)
    word = "" if value is None else str(value).strip().casefold()
    return WORDS[word] if word in WORDS else float(word)


class Table:
    """Rows of a table as samples for the channels of a recogniser.

    Attributes:
        names: the columns of the samples.
        resampling: `previous` for events and intervals, which hold; None for regular columns: as in training.
        ignored: sensors of events that the recogniser does not know.
        silent: channels without an event so far.
    """

    def __init__(self, path: Path | str, header: Sequence[str], channels: Sequence[str], clock: Clock) -> None:
        """Args: path: for messages; header: names of the columns; channels: of the recogniser.

        Raises:
            BadInputError: the header is none of the three forms.
        """
        self._path, self._clock = path, clock
        self._header = [name.strip() for name in header]
        found = [name.casefold() for name in self._header]
        self.resampling: Resampling | None = "previous"
        self.ignored: set[str] = set()
        self.silent = set(channels)
        self._state = np.full(len(channels), math.nan)
        self._place = {name: place for place, name in enumerate(channels)}
        self.names: tuple[str, ...] = tuple(channels)
        self.is_intervals = set(_INTERVALS) <= set(found)
        self.is_events = set(_EVENTS) <= set(found)
        if self.is_events or self.is_intervals:
            wanted = _EVENTS if self.is_events else _INTERVALS
            self._columns = [found.index(name) for name in wanted]
            self._extra = found.index("value") if self.is_intervals and "value" in found else None
            return
        times = [place for place, name in enumerate(found) if name in ("time", "time_s", "timestamp")]
        if len(times) != 1:
            raise BadInputError(
                path,
                "header",
                found=name_some(self._header),
                expected="time and one column a channel, or time, sensor, value, or start, end, sensor",
                remedy="name the column of the times `time`",
            )
        self.resampling, self.silent, self._columns = None, set(), times
        self._others = [place for place in range(len(found)) if place != times[0]]
        self.names = tuple(self._header[place] for place in self._others)

    def samples(self, rows: Iterable[tuple[int, Sequence[Any]]]) -> Samples:
        """The samples of numbered rows.

        Raises:
            BadInputError: a row has another width, no time or a value that is none.
        """
        times, values = [], []
        for line, row in rows:
            if len(row) != len(self._header):
                raise self._fault(line, f"{len(row)} values", f"{len(self._header)} as in the header", "mend the line")
            if self.is_events:
                stamp, sensor, value = (row[place] for place in self._columns)
                moment = self._time(line, stamp)
                if (place := self._place.get(str(sensor).strip())) is None:
                    self.ignored.add(str(sensor).strip())
                    continue
                self._state[place] = self._number(line, str(sensor), value)
                self.silent.discard(str(sensor).strip())
                values.append(self._state.copy())
            else:
                moment = self._time(line, row[self._columns[0]])
                values.append(np.array([self._number(line, self._header[place], row[place]) for place in self._others]))
            times.append(moment)
        return Samples(np.array(values).reshape(len(times), len(self.names)), np.array(times, dtype=np.float64))

    def interval_rows(self, rows: Iterable[tuple[int, Sequence[Any]]]) -> Samples:
        """The samples of all intervals: a channel is on while any of its intervals lasts, and off otherwise.

        Raises:
            BadInputError: a row has another width or no times, or ends before it starts.
        """
        edges: list[tuple[float, int, float]] = []
        for line, row in rows:
            if len(row) != len(self._header):
                raise self._fault(line, f"{len(row)} values", f"{len(self._header)} as in the header", "mend the line")
            start, end, sensor = (row[place] for place in self._columns)
            first, last = self._time(line, start), self._time(line, end)
            if last < first:
                raise self._fault(line, "an end before its start", "an interval", "correct the times")
            place = self._place.get(str(sensor).strip())
            if place is None:
                self.ignored.add(str(sensor).strip())
                continue
            self.silent.discard(str(sensor).strip())
            height = 1.0 if self._extra is None else self._number(line, str(sensor), row[self._extra])
            edges += [(first, place, height), (last, place, -height)]
        self._state[:] = 0.0
        values, times = [], []
        for moment, place, height in sorted(edges, key=lambda edge: (edge[0], -edge[2])):
            self._state[place] += height
            values.append(self._state.copy() if self._extra is not None else (self._state > 0).astype(np.float64))
            times.append(moment)
        return Samples(np.array(values).reshape(len(times), len(self.names)), np.array(times, dtype=np.float64))

    def _time(self, line: int, text: Any) -> float:
        try:
            return self._clock.seconds(text)
        except (ValueError, OverflowError) as error:
            raise self._fault(line, f"the time {shown(text)}", str(error), "correct it") from None

    def _number(self, line: int, column: str, value: Any) -> float:
        try:
            return number(value)
        except ValueError:
            expected = "a number, a word such as on or off, or unavailable for a gap"
            raise self._fault(line, f"{column} {shown(value)}", expected, "correct it") from None

    def _fault(self, line: int, found: str, expected: str, remedy: str) -> BadInputError:
        return BadInputError(self._path, f"line {line}", found=found, expected=expected, remedy=remedy)


class TableSource:
    """Samples of a table in CSV or Parquet, or of lines that are still being written.

    Attributes:
        table: its form.
        clock: of its times.
        is_live: whether more may come.
    """

    def __init__(
        self, path: str, channels: Sequence[str], *, zone: str | None, follow: bool = False, idle_s: float | None = None
    ) -> None:
        """Args: path: a file, or `-` for standard input; idle_s: end after so long without a line; None: never.

        Raises:
            BadInputError: there is no such file, or its header has no known form.
        """
        self.clock, self._path, self._channels = Clock(zone), path, channels
        self.is_live = follow or path == "-"
        if path != "-" and not Path(path).is_file():
            found = "a folder" if Path(path).is_dir() else "nothing"
            raise BadInputError(path, "sensors", found=found, expected="a CSV or Parquet file", remedy="name the file")
        if path.endswith((".parquet", ".pq")):
            if follow:
                raise UserError(f"{path}: found Parquet, expected lines to follow; give CSV, or leave --follow out")
            self._parts = self._parquet()
        else:
            self._parts = self._lines(follow, idle_s)
        self.table = next(self._parts)

    def __iter__(self) -> Iterator[Samples]:
        """The samples in the order of the file; without any where nothing new has come for a moment."""
        return self._parts

    def _parquet(self) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            file = pq.ParquetFile(self._path)
        except (pa.ArrowInvalid, OSError) as error:
            found = str(error).partition("\n")[0][:120]
            raise BadInputError(self._path, "file", found=found, expected="Parquet", remedy="write it again") from None
        table = Table(self._path, file.schema_arrow.names, self._channels, self.clock)
        yield table
        batches = file.iter_batches(batch_size=_ROWS_AT_ONCE)
        rows = (enumerate(zip(*(column.to_pylist() for column in batch.columns), strict=True), 1) for batch in batches)
        if table.is_intervals:
            yield table.interval_rows(row for part in rows for row in part)
        else:
            yield from map(table.samples, rows)

    def _lines(self, follow: bool, idle_s: float | None) -> Iterator[Any]:
        lines = _standard_input(idle_s) if self._path == "-" else _file_lines(Path(self._path), follow, idle_s)
        table, count, waiting = None, 0, list[tuple[int, list[str]]]()
        for batch in lines:
            rows = [(count + place, row) for place, row in enumerate(csv.reader(batch), 1) if row]
            count += len(batch)
            if table is None and rows:
                table = Table(self._path, rows.pop(0)[1], self._channels, self.clock)
                yield table
            if table is not None and table.is_intervals:
                waiting += rows
            elif table is not None:
                # A file that was begun anew begins with its header again.
                yield table.samples(one for one in rows if [name.strip() for name in one[1]] != table._header)
        if table is None:
            remedy = "give a table with a header"
            raise BadInputError(self._path, "line 1", found="nothing", expected="a header", remedy=remedy)
        if table.is_intervals:
            yield table.interval_rows(waiting)


def _file_lines(path: Path, follow: bool, idle_s: float | None) -> Iterator[list[str]]:
    """Whole lines of a file, some thousand at a time; followed, those that are added, and none when there are none."""
    file, kept, last = _open(path), "", time.monotonic()
    try:
        while True:
            text = file.read(1 << 16)
            if text:
                last = time.monotonic()
                *whole, kept = (kept + text).splitlines(keepends=True) or [""]
                if kept.endswith(("\n", "\r")):
                    whole, kept = [*whole, kept], ""
                yield from (whole[first : first + _ROWS_AT_ONCE] for first in range(0, len(whole), _ROWS_AT_ONCE))
                continue
            if not follow or (idle_s is not None and time.monotonic() - last > idle_s):
                break
            if _is_replaced(path, file):
                file.close()
                file, kept = _open(path), ""
            else:
                yield []
                time.sleep(_POLL_S)
        if kept and not follow:
            yield [kept]
    finally:
        file.close()


def _open(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", errors="replace", newline="")


def _is_replaced(path: Path, file: TextIO) -> bool:
    """Whether another file has taken the place of the open one, or it was emptied, as logs are that rotate."""
    try:
        named, opened = path.stat(), os.fstat(file.fileno())
    except FileNotFoundError:
        return False
    return named.st_ino != opened.st_ino or named.st_size < file.tell()


def _standard_input(idle_s: float | None) -> Iterator[list[str]]:
    """Lines of standard input as they come, and none when there are none."""
    lines: queue.Queue[str | None] = queue.Queue(maxsize=1 << 16)

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    last = time.monotonic()
    while idle_s is None or time.monotonic() - last <= idle_s:
        batch, ended = [], False
        try:
            batch.append(lines.get(timeout=_POLL_S))
            while len(batch) < _ROWS_AT_ONCE:
                batch.append(lines.get_nowait())
        except queue.Empty:
            pass
        if batch:
            last, ended = time.monotonic(), batch[-1] is None
        yield [line for line in batch if line is not None]
        if ended:
            return
