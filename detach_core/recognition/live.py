"""Recognition from a source of samples: windows are printed, published and written as they end."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from detach_core.foundation.errors import UserError
from detach_core.foundation.files import atomic_path, name_some
from detach_core.recognition.recognizer import Recognizer
from detach_core.recognition.sources import Clock, Samples, TableSource, iso_time
from detach_core.recognition.stream import UNKNOWN, Event, RecognizerStream

Writer = Callable[[Sequence[Event]], None]

COLUMNS = ("start", "end", "label", "place", "action", "probability", "known")

_ROWS_AT_ONCE = 4096

_LATE_S = 2.0  # an event may come so late, before its window is complete without it


def recognize(
    recognizer: str,
    sensors: str,
    *,
    output: Path | None = None,
    follow: bool = False,
    smoothing: bool = False,
    broker: str | None = None,
    topics: Sequence[str] = (),
    units: Mapping[str, str] | None = None,
    zone: str | None = None,
    idle_s: float | None = None,
    show: Callable[[str], object] | None = None,
    note: Callable[[str], object] = lambda text: None,
) -> tuple[int, int]:
    """Number of the windows, and of those that are known.

    Args:
        recognizer: its folder.
        sensors: CSV or Parquet, `-` for standard input, or the URL of a broker.
        output: the timeline to write, `.parquet` or `.csv`; a `.csv` grows with each window.
        follow: go on as the file grows.
        smoothing: regard the windows before.
        broker: URL of the broker to tell of each window.
        topics: of the sensors, where they come from a broker.
        units: channel -> unit, where it is not the recogniser's.
        zone: of times without an offset.
        idle_s: end after so long without anything new.
        show: takes a line for each window of live samples.
        note: takes remarks on the input.

    Raises:
        UserError: the input does not fit; the message says where and how.
    """
    if output is not None and output.suffix not in (".parquet", ".csv"):
        raise UserError(f"{output}: found the ending {output.suffix!r}, expected .parquet or .csv; name it so")
    loaded = Recognizer.load(recognizer, smoothing=smoothing)
    source: Any
    if sensors.startswith(("mqtt://", "mqtts://")):
        from detach_core.recognition.mqtt import MqttSource

        source = MqttSource(sensors, topics, loaded.channel_names, zone=zone, idle_s=idle_s)
    else:
        source = TableSource(sensors, loaded.channel_names, zone=zone, follow=follow, idle_s=idle_s)
    form = source.table
    stream = loaded.stream(form.names, units, resampling=form.resampling)
    if stream.channels.ignored:
        note(f"{sensors}: columns that the recogniser does not know are ignored: {name_some(stream.channels.ignored)}")
    count = known = 0
    with ExitStack() as stack:
        writers: list[Writer] = []
        if output is not None:
            writers.append(stack.enter_context(_timeline(output, source.clock, live=source.is_live)))
        if broker is not None:
            from detach_core.recognition.mqtt import ActivitySensor

            sensor = stack.enter_context(ActivitySensor(broker, loaded.description))
            writers.append(_each(sensor.publish))
        if show is not None and source.is_live:
            writers.append(_each(lambda event: show(line_of(event, source.clock))))
        for events in _events(source, stream, holds=form.resampling == "previous"):
            count, known = count + len(events), known + sum(event.known for event in events)
            for write in writers:
                write(events)
    _note_sensors(form, sensors, note)
    return count, known


def _each(tell: Callable[[Event], object]) -> Writer:
    """A writer that is told each event by itself."""

    def write(events: Sequence[Event]) -> None:
        for event in events:
            tell(event)

    return write


def _note_sensors(form: Any, sensors: str, note: Callable[[str], object]) -> None:
    """Remarks on sensors that the recogniser does not know, and on channels without an event."""
    if form.ignored:
        note(f"{sensors}: sensors that the recogniser does not know are ignored: {name_some(sorted(form.ignored))}")
    if form.silent:
        note(f"{sensors}: no event of {name_some(sorted(form.silent))}, which count as 0")


def _events(source: Iterable[Samples], stream: RecognizerStream, *, holds: bool) -> Iterator[list[Event]]:
    """The events of all samples, and in pauses those that the clock completes; Ctrl-C ends as a file's end does."""
    last_s, arrived_s = -math.inf, 0.0
    try:
        for batch in source:
            if len(batch.time_s):
                times = batch.time_s
                if holds and math.isfinite(stream.until_s):
                    # A state that is told of late is known from now on.
                    late = (times < stream.until_s) & (times >= stream.until_s - 60.0)
                    times = np.where(late, stream.until_s, times)
                yield stream.push(batch.values, times)
                last_s, arrived_s = float(times[-1]), time.monotonic()
            elif holds and math.isfinite(last_s):
                # What has not changed is told of by nothing; the clock of the samples goes on with this machine's.
                yield stream.advance(last_s + time.monotonic() - arrived_s - _LATE_S)
    except KeyboardInterrupt:
        pass
    yield stream.finish()


def line_of(event: Event, clock: Clock) -> str:
    """A window in one line: its start, activity, place and action, and probability."""
    start = iso_time(event.start_s) if clock.is_absolute else f"{event.start_s:.3f}"
    where = "/".join(part for part in (event.place, event.action) if part)
    told = f"{event.label}{f'  {where}' if where else ''}" if event.known else f"{UNKNOWN} (perhaps {event.label})"
    return f"{start}  {told}  {event.probability:.2f}"


@contextmanager
def _timeline(path: Path, clock: Clock, *, live: bool) -> Iterator[Writer]:
    """A writer of events to a table, whole or absent; a CSV of live samples grows line by line.

    Times are stamps in UTC where the samples' are, else seconds.
    """
    if path.suffix == ".parquet":
        with atomic_path(path) as partial, _parquet(partial, clock) as write:
            yield write
    elif live:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            yield _csv(file, clock)
    else:
        with atomic_path(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
            yield _csv(file, clock)


def _csv(file: TextIO, clock: Clock) -> Writer:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(COLUMNS)
    file.flush()

    def write(events: Sequence[Event]) -> None:
        for event in events:
            times = (event.start_s, event.end_s)
            stamps = map(iso_time, times) if clock.is_absolute else map(repr, times)
            rest = (event.label, event.place, event.action, f"{event.probability:.6f}", str(event.known).lower())
            table.writerow([*stamps, *rest])
        if events:
            file.flush()

    return write


@contextmanager
def _parquet(path: Path, clock: Clock) -> Iterator[Writer]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    waiting: list[Event] = []
    with ExitStack() as stack:
        files: list[Any] = []

        def flush() -> None:
            moment = pa.timestamp("us", tz="UTC") if clock.is_absolute else pa.float64()
            kinds = (moment, moment, pa.string(), pa.string(), pa.string(), pa.float64(), pa.bool_())
            schema = pa.schema(list(zip(COLUMNS, kinds, strict=True)))
            columns = [list(values) for values in zip(*(vars(event).values() for event in waiting), strict=True)]
            for place in (0, 1) if clock.is_absolute and waiting else ():
                columns[place] = [round(seconds * 1e6) for seconds in columns[place]]
            if not files:
                files.append(stack.enter_context(pq.ParquetWriter(path, schema)))
            columns = columns or [[] for _ in kinds]
            arrays = [pa.array(values, kind) for values, kind in zip(columns, kinds, strict=True)]
            files[0].write_table(pa.Table.from_arrays(arrays, schema=schema))
            waiting.clear()

        def write(events: Sequence[Event]) -> None:
            waiting.extend(events)
            if len(waiting) >= _ROWS_AT_ONCE:
                flush()

        yield write
        flush()
