"""Events of a log on their way to the events table: chosen, in order of time, without repeats, written atomically.

The events table has the columns `time, sensor, value`: ISO 8601 with its offset, the channel's name, and a number or
one of the words on, off, open, closed; `unknown` begins a gap. The labels table has `start, end, label`, or seconds of
the media as `start_s, end_s, label`.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Any, NamedTuple

from detach_core.foundation.errors import LABEL, BadInputError, UserError, label_fault, shown
from detach_core.foundation.files import atomic_path
from detach_core.importers.channels import Survey

UNKNOWN = "unknown"
_BATCH = 50_000  # rows of a Parquet row group
_MEANING = {
    **dict.fromkeys(["on", "true", "yes", "present", "detected", "active"], "on"),
    **dict.fromkeys(["off", "false", "no", "absent", "clear", "inactive"], "off"),
    **dict.fromkeys(["open", "opened"], "open"),
    **dict.fromkeys(["closed", "close"], "closed"),
    **dict.fromkeys(["", "unavailable", "unknown", "none", "null", "nan", "n/a"], UNKNOWN),
}


class Event(NamedTuple):
    """One report of a sensor.

    Attributes:
        number: its line or row in the log.
        time: an aware time.
        sensor: the channel's name.
        value: the log's own text.
    """

    number: int
    time: datetime
    sensor: str
    value: str


class Interval(NamedTuple):
    """One label.

    Attributes:
        number: its line or row in the source.
        start: an aware time, or seconds since the beginning of the media.
        end: as `start`.
        label: its text.
    """

    number: int
    start: datetime | float
    end: datetime | float
    label: str


class Remarks:
    """What an import left out or changed, counted, with the first place of each."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, text: str, place: str, count: int = 1) -> None:
        """Count one more of what `text` says, which is a sentence with `{n}` for the number."""
        self._counts[text] += count
        self._first.setdefault(text, place)

    def sentences(self) -> list[str]:
        """The remarks, each with its number and first place."""
        return [f"{text.replace('{n}', str(n))} (first: {self._first[text]})" for text, n in self._counts.items()]


def channel_value(text: str) -> str | None:
    """The value of an events table that `text` stands for; None if it is neither a number nor a word of a switch."""
    text = text.strip()
    if (meaning := _MEANING.get(text.casefold())) is not None:
        return meaning
    try:
        return text if math.isfinite(float(text)) and "_" not in text else None
    except ValueError:
        return None


def chosen(
    events: Iterable[Event],
    sensors: Sequence[str],
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    remarks: Remarks,
) -> Iterator[Event]:
    """The events of sensors whose name fits one of the patterns (all if there are none), in [start, end).

    What a sensor told last before `start` comes first, at `start`, since it tells the state that the range begins with;
    such values are counted.
    """
    known: dict[str, bool] = {}
    before: dict[str, Event] | None = {} if start is not None else None
    for event in events:
        if event.sensor not in known:
            known[event.sensor] = fits(event.sensor, sensors)
        if not known[event.sensor] or (end is not None and event.time >= end):
            continue
        if before is not None and start is not None:
            if event.time <= start:
                before[event.sensor] = event
                continue
            yield from _at_the_start(before.values(), start, remarks)
            before = None
        if start is None or event.time >= start:
            yield event
    if before and start is not None and any(event.time == start for event in before.values()):
        yield from _at_the_start(before.values(), start, remarks)


def _at_the_start(before: Iterable[Event], start: datetime, remarks: Remarks) -> Iterator[Event]:
    for event in before:
        if event.time < start:
            text = f"{{n}} sensors begin with what they told last before {start.isoformat()}"
            remarks.add(text, f"{event.sensor}, told at {event.time.isoformat()}")
        yield event._replace(time=start)


def clipped(
    labels: Iterable[Interval], start: datetime | None, end: datetime | None, remarks: Remarks
) -> list[Interval]:
    """The parts of labels with moments that lie in [start, end); those that are cut are counted."""
    kept = []
    for one in labels:
        first, last = one.start, one.end
        if isinstance(first, datetime) and isinstance(last, datetime):
            first, last = max(first, start or first), min(last, end or last)
            if first >= last:
                continue
            if (first, last) != (one.start, one.end):
                remarks.add("{n} labels are cut at --from or --to", f"{one.label} of {one.start}")
        kept.append(one._replace(start=first, end=last))
    return kept


def fits(name: str, patterns: Sequence[str]) -> bool:
    """Whether `name` fits one of the shell patterns; of no patterns, anything does."""
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def in_order(path: Path, events: Iterable[Event], *, unit: str = "line", remedy: str) -> Iterator[Event]:
    """The events, refused where their times run back.

    Raises:
        BadInputError: an event is earlier than the one before it; names the line.
    """
    last: datetime | None = None
    for event in events:
        if last is not None and event.time < last:
            raise BadInputError(
                path,
                f"{unit} {event.number}",
                found=f"{event.time.isoformat()}, {(last - event.time).total_seconds():g} s before the {unit} above",
                expected="times that do not run back",
                remedy=remedy,
            )
        last = event.time
        yield event


def sorted_events(path: Path, events: Iterable[Event], remarks: Remarks, *, unit: str = "line") -> list[Event]:
    """All events by time, those of one time in the log's order; a remark counts those earlier than one before them."""
    read = list(events)
    last = read[0].time if read else None
    for event in read:
        if last is not None and event.time < last:
            remarks.add(
                f"{{n}} events of {path.name} were not in the order of time and have been sorted",
                f"{unit} {event.number}",
            )
        else:
            last = event.time
    return sorted(read, key=lambda event: event.time)


def valid_values(path: Path, events: Iterable[Event], remarks: Remarks, *, unit: str = "line") -> Iterator[Event]:
    """The events with the values of an events table; those without one are counted by sensor and left out."""
    for event in events:
        value = channel_value(event.value)
        if value is None:
            text = f"{event.sensor}: {{n}} values that are neither numbers nor words of a switch are left out"
            remarks.add(text, f"{shown(event.value)} in {unit} {event.number}")
        else:
            yield event._replace(value=value)


def without_repeats(events: Iterable[Event], remarks: Remarks, *, unit: str = "line") -> Iterator[Event]:
    """The events that change their sensor's value; repeated reports are counted and left out."""
    last: dict[str, str] = {}
    for event in events:
        if last.get(event.sensor) == event.value:
            remarks.add("{n} reports that repeat their sensor's last value are left out", f"{unit} {event.number}")
        else:
            last[event.sensor] = event.value
            yield event


def write_events(
    path: Path,
    events: Iterable[Event],
    survey: Survey,
    *,
    zone: tzinfo,
    source: Path | str,
    then: Callable[[], object] = lambda: None,
) -> int:
    """Write the events table, CSV or (`.parquet`) Parquet, and survey its channels; the number of events.

    `then` is called when all are written, before the file appears; if it fails, there is no file.

    Raises:
        BadInputError: there are no events, or a sensor's name cannot be a channel's.
    """
    count = 0
    with _table(path, ("time", "sensor", "value")) as write:
        for event in events:
            if survey.add(event.sensor, event.value) and (fault := label_fault(event.sensor)) is not None:
                remedy = "rename the sensor in its log"
                raise BadInputError(source, f"sensor {event.sensor!r}", found=fault, expected=LABEL, remedy=remedy)
            write((event.time.astimezone(zone), event.sensor, event.value))
            count += 1
        if not count:
            expected, remedy = "events of sensors", "check the file, and what --sensor, --from and --to leave"
            raise BadInputError(source, "events", found="none", expected=expected, remedy=remedy)
        then()
    return count


def lasting(
    source: Path, labels: Iterable[Interval], remarks: Remarks, *, skip_others: bool, unit: str = "line"
) -> list[Interval]:
    """The labels, all of which must end after they start; others are counted and left out if `skip_others`.

    Raises:
        BadInputError: one does not, and `skip_others` is false.
    """
    kept = []
    for one in labels:
        if one.end > one.start:  # type: ignore[operator]
            kept.append(one)
        elif skip_others:
            text = f"{{n}} labels of {source.name} that do not end after they start are left out"
            remarks.add(text, f"{unit} {one.number}")
        else:
            raise BadInputError(
                source,
                f"{unit} {one.number}",
                found=f"the label {one.label!r} from {one.start} to {one.end}",
                expected="an end after its start",
                remedy="mend it, or leave such labels out with --skip-bad-rows",
            )
    return kept


def write_labels(
    path: Path, labels: Sequence[Interval], *, zone: tzinfo, source: Path | str, unit: str = "line"
) -> int:
    """Write the labels table, sorted by time; the number of labels.

    Raises:
        BadInputError: there are no labels, or one has a text that no class can have.
    """
    if not labels:
        raise BadInputError(
            source, "labels", found="none", expected="at least one", remedy="check the file and the options"
        )
    for one in labels:
        _check_label(source, one, f"{unit} {one.number}")
    relative = isinstance(labels[0].start, float)
    columns = ("start_s", "end_s", "label") if relative else ("start", "end", "label")
    with _table(path, columns) as write:
        for one in sorted(labels, key=lambda one: (one.start, one.end)):
            write((_edge(one.start, zone), _edge(one.end, zone), one.label))
    return len(labels)


def _edge(moment: datetime | float, zone: tzinfo) -> Any:
    return f"{moment:.6f}".rstrip("0").rstrip(".") if isinstance(moment, float) else moment.astimezone(zone)


def _check_label(source: Path | str, one: Interval, place: str) -> None:
    fault = label_fault(one.label) or (None if one.label else "an empty text")
    if fault is not None:
        raise BadInputError(source, place, found=fault, expected=LABEL, remedy="change the label there")


Write = Callable[[Sequence[Any]], None]


@contextmanager
def _table(path: Path, columns: Sequence[str]) -> Iterator[Write]:
    """A function that writes one row; the file appears when the block ends well."""
    if path.suffix not in (".csv", ".parquet"):
        raise UserError(f"{path}: found the suffix {path.suffix!r}, expected .csv or .parquet; name the table so")
    with atomic_path(path) as partial:
        if path.suffix == ".parquet":
            with _parquet(partial, columns) as write:
                yield write
        else:
            with partial.open("w", encoding="utf-8", newline="") as file:
                yield _csv(file, columns)


def _csv(file: IO[str], columns: Sequence[str]) -> Write:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    return lambda row: writer.writerow([one.isoformat() if isinstance(one, datetime) else one for one in row]) and None


@contextmanager
def _parquet(path: Path, columns: Sequence[str]) -> Iterator[Write]:
    import pyarrow as pa
    from pyarrow import parquet

    stamp = pa.timestamp("us", tz="UTC")
    kinds = [stamp if name in ("time", "start", "end") else pa.string() for name in columns]
    schema = pa.schema(list(zip(columns, kinds, strict=True)))
    rows: list[Sequence[Any]] = []
    with parquet.ParquetWriter(path, schema) as writer:

        def flush() -> None:
            arrays = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), kinds, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            rows.clear()

        def write(row: Sequence[Any]) -> None:
            rows.append([one.astimezone(UTC) if isinstance(one, datetime) else one for one in row])
            if len(rows) == _BATCH:
                flush()

        yield write
        if rows:
            flush()
