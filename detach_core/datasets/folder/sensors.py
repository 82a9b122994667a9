"""Sensor files of a home, CSV or Parquet: a table with a column a channel, or an event log, of points or of intervals.

A table has a column `time` and columns named like channels. A log has `time, sensor, value`, or `start, end, sensor`
and perhaps `value`: what holds from start to end, 1 where no value is told, and is 0 otherwise. Files are read piece by
piece; what is kept of each sample is its time and value, 16 bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from detach_core.datasets.folder.settings import STATES, FolderNative
from detach_core.datasets.folder.times import StampColumn
from detach_core.datasets.registry import LOST_WORDS
from detach_core.datasets.text_file import CsvRows, LostWords, open_text
from detach_core.foundation.errors import BadInputError
from detach_core.foundation.files import name_some

ROWS_AT_ONCE = 100_000

WORDS = {
    **dict.fromkeys(("on", "open", "opened", "true", "yes", "detected", "occupied", "present", "home", "wet"), 1.0),
    **dict.fromkeys(("off", "closed", "close", "false", "no", "clear", "cleared", "absent", "not_home", "dry"), 0.0),
}
"""words for the states of sensors, in any case"""

_LARGEST = float(np.finfo(np.float32).max)

_LOST = LostWords(LOST_WORDS)

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Samples:
    """The samples of a channel: times in seconds since 1970 and values, NaN from where the sensor was not available."""

    time_s: Values
    value: Values


@dataclass(frozen=True)
class Piece:
    """Some rows of a table as text, and their numbers (n,) in the file."""

    columns: dict[str, list[str]]
    numbers: NDArray[np.int64]


@dataclass(frozen=True)
class TextTable:
    """A CSV or Parquet file read as text, piece by piece; `unit` is what a row is called in messages."""

    path: Path
    names: tuple[str, ...]
    unit: str

    def pieces(self, columns: Sequence[str]) -> Iterator[Piece]:
        """The rows with these columns.

        Raises:
            BadInputError: a line has other than one value a column, or is no CSV.
        """
        return _parquet_pieces(self.path, columns) if self.unit == "row" else self._csv_pieces(columns)

    def place(self, number: int, column: str) -> str:
        """The place of a value in messages."""
        return f"{self.unit} {number}, column {column}"

    def _csv_pieces(self, columns: Sequence[str]) -> Iterator[Piece]:
        wanted = [self.names.index(name) for name in columns]
        with open_text(self.path) as file:
            rows = CsvRows(self.path, file)
            next(rows, None)
            lines = self._whole_lines(rows)
            while piece := list(islice(lines, ROWS_AT_ONCE)):
                texts = {name: [row[column] for _, row in piece] for name, column in zip(columns, wanted, strict=True)}
                yield Piece(texts, np.array([number for number, _ in piece], dtype=np.int64))

    def _whole_lines(self, rows: CsvRows) -> Iterator[tuple[int, list[str]]]:
        for row in rows:
            if any(row):
                if len(row) != len(self.names):
                    found, expected = f"{len(row)} values", f"{len(self.names)} as in the header"
                    place = f"line {rows.line_num}"
                    raise BadInputError(self.path, place, found=found, expected=expected, remedy="mend the line")
                yield rows.line_num, row


def open_table(path: Path) -> TextTable:
    """The table at `path`, by its suffix.

    Raises:
        BadInputError: it is missing, empty, no CSV or Parquet, or a column's name stands twice.
    """
    suffix, unit = path.suffix.lower(), "line"
    if suffix in (".parquet", ".pq") and path.is_file():
        unit = "row"
        try:
            names = pq.read_schema(path).names
        except (pa.ArrowException, OSError) as error:
            found, remedy = f"no Parquet file ({str(error).splitlines()[0]})", "copy the file again"
            raise BadInputError(path, "file", found=found, expected="a Parquet file", remedy=remedy) from None
    elif suffix == ".csv":
        with open_text(path) as file:
            names = [name.strip() for name in next(CsvRows(path, file), [])]
    else:
        found, remedy = f"the suffix {suffix!r}" if path.is_file() else "nothing", "write it as one of them"
        raise BadInputError(path, "file", found=found, expected="a file .csv or .parquet", remedy=remedy)
    if not any(names):
        expected, remedy = "a header and lines below it", "copy the file again"
        raise BadInputError(path, f"{unit} 1", found="nothing", expected=expected, remedy=remedy)
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadInputError(path, f"{unit} 1", found=f"`{twice}` twice", expected="one column", remedy="keep one")
    return TextTable(path, tuple(names), unit)


def _parquet_pieces(path: Path, columns: Sequence[str]) -> Iterator[Piece]:
    first = 1
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=list(columns)):
            numbers = first + np.arange(len(batch))
            yield Piece({name: _as_text(batch.column(name)) for name in columns}, numbers)
            first += len(batch)


def _as_text(column: pa.Array) -> list[str]:
    if pa.types.is_boolean(column.type):
        return ["" if value is None else str(int(value)) for value in column.to_pylist()]
    if pa.types.is_timestamp(column.type):
        return ["" if value is None else value.isoformat() for value in column.cast(_microseconds(column)).to_pylist()]
    return ["" if value is None else str(value) for value in column.to_pylist()]


def _microseconds(column: pa.Array) -> pa.DataType:
    return pa.timestamp("us", tz=column.type.tz)


def read_samples(home: FolderNative, paths: Sequence[Path], remarks: list[str]) -> dict[str, Samples]:
    """Channel -> its samples in all of `paths`, in time's order; a channel without any has none.

    Args:
        home: the home.
        paths: files that are read one behind the other.
        remarks: gets sentences about what was left out.

    Raises:
        BadInputError: a file violates its form, or a channel's times run back from one file to the next.
    """
    found: dict[str, list[Samples]] = {name: [] for name in home.channel_names}
    last: dict[str, tuple[float, Path]] = {}
    for path in paths:
        for name, samples in _FileReader(home, open_table(path), remarks).samples().items():
            if not len(samples.time_s):
                continue
            begin_s, earlier = float(samples.time_s[0]), last.get(name)
            if earlier is not None and begin_s < earlier[0]:
                found_s = f"its first sample {earlier[0] - begin_s:.3f} s before the last one of {earlier[1].name}"
                remedy = "list the files in the order of their times, each moment in one of them"
                raise BadInputError(path, f"channel {name}", found=found_s, expected="later samples", remedy=remedy)
            last[name] = float(samples.time_s[-1]), path
            found[name].append(samples)
    return {
        name: Samples(*(np.concatenate([getattr(part, key) for part in parts] or [np.empty(0)]) for key in _FIELDS))
        for name, parts in found.items()
    }


_FIELDS = ("time_s", "value")


class _FileReader:
    """Reader of one file's samples."""

    def __init__(self, home: FolderNative, table: TextTable, remarks: list[str]) -> None:
        self._home, self._table, self._remarks = home, table, remarks
        self._zone = ZoneInfo(home.time_zone)
        self._channels = home.channel_names
        self._strange: dict[str, int] = {}

    def samples(self) -> dict[str, Samples]:
        """Channel -> its samples."""
        names = set(self._table.names)
        if {"time", "sensor", "value"} <= names:
            found = self._log({"time", "sensor", "value"})
        elif {"start", "end", "sensor"} <= names:
            found = self._intervals()
        elif "time" in names:
            found = self._columns()
        else:
            expected = "columns `time, sensor, value`, or `start, end, sensor`, or `time` and the channels' own"
            raise self._error(f"{self._table.unit} 1", ", ".join(self._table.names), expected, "name the columns so")
        if self._strange:
            counted = [f"{name} ({count})" for name, count in self._strange.items()]
            text = "left out, since no channel has their name"
            self._remarks.append(f"{self._table.path.name}: samples of {name_some(counted)} are {text}")
        return found

    def _columns(self) -> dict[str, Samples]:
        others = [name for name in self._table.names if name != "time"]
        present = [name for name in others if name in self._channels]
        if not present:
            raise self._error(
                f"{self._table.unit} 1",
                name_some(others) or "no other column",
                f"columns of channels, such as {name_some(self._channels, limit=3)}",
                "name the columns like `channels` in home.yaml",
            )
        if strange := [name for name in others if name not in self._channels]:
            self._remarks.append(f"{self._table.path.name}: the columns {name_some(strange)} are no channels")
        stamps = self._stamps("time")
        values: dict[str, list[Values]] = {name: [] for name in present}
        for piece in self._table.pieces(["time", *present]):
            stamps.append(piece.columns["time"], piece.numbers)
            for name in present:
                values[name].append(self._numbers(name, piece.columns[name], piece.numbers, name))
        time_s = stamps.seconds()
        return {name: Samples(time_s, np.concatenate(parts or [np.empty(0)])) for name, parts in values.items()}

    def _log(self, known: set[str]) -> dict[str, Samples]:
        self._refuse_others(known)
        stamps, codes, values = self._stamps("time"), [np.empty(0, np.int64)], [np.empty(0)]
        for piece in self._table.pieces(["time", "sensor", "value"]):
            stamps.append(piece.columns["time"], piece.numbers)
            code = self._codes(piece)
            codes.append(code)
            values.append(self._coded_numbers(code, piece.columns["value"], piece.numbers))
        time_s, code, value = stamps.seconds(), np.concatenate(codes), np.concatenate(values)
        return {
            name: Samples(time_s[code == number], value[code == number]) for number, name in enumerate(self._channels)
        }

    def _intervals(self) -> dict[str, Samples]:
        has_value = "value" in self._table.names
        self._refuse_others({"start", "end", "sensor"} | ({"value"} if has_value else set()))
        edges = [self._stamps("start"), self._stamps("end")]
        codes, values = [np.empty(0, np.int64)], [np.empty(0)]
        for piece in self._table.pieces(["start", "end", "sensor", *(["value"] if has_value else [])]):
            for column, stamps in zip(("start", "end"), edges, strict=True):
                stamps.append(piece.columns[column], piece.numbers)
            code = self._codes(piece)
            codes.append(code)
            told = piece.columns["value"] if has_value else ["1"] * len(code)
            values.append(self._coded_numbers(code, told, piece.numbers))
        start_s, end_s = edges[0].seconds(), edges[1].seconds(in_order=False)
        code, value, number = np.concatenate(codes), np.concatenate(values), edges[0].numbers()
        if (back := np.flatnonzero(end_s < start_s)).size:
            place = self._table.place(int(number[back[0]]), "end")
            raise self._error(place, "an end before its start", "one at or after it", "mend the line")
        found = {}
        for index, name in enumerate(self._channels):
            of = code == index
            found[name] = self._edges_of(name, start_s[of], end_s[of], value[of], number[of])
        return found

    def _edges_of(self, name: str, start_s: Values, end_s: Values, value: Values, number: NDArray[np.int64]) -> Samples:
        """The changes that intervals in the order of their starts make: to their value, and back to 0."""
        times: list[float] = []
        values: list[float] = []
        for begin, end, level, row in zip(start_s, end_s, value, number, strict=True):
            if times and begin <= times[-1]:
                if begin < times[-1] and not (level == values[-2] or (math.isnan(level) and math.isnan(values[-2]))):
                    place = self._table.place(int(row), "start")
                    found = f"{level:g} while {values[-2]:g} of {name} still lasts"
                    raise self._error(place, found, "one value at a time", "end the earlier interval before")
                if level == values[-2]:  # what touches or overlaps with the same value goes on
                    times[-1] = max(times[-1], end)
                    continue
                times.pop()
                values.pop()
            times += [begin, end]
            values += [level, 0.0]
        return Samples(np.array(times), np.array(values))

    def _codes(self, piece: Piece) -> NDArray[np.int64]:
        """(n,) the channel of each row, -1 for a sensor that is none."""
        known = {name: number for number, name in enumerate(self._channels)}
        names = [text.strip() for text in piece.columns["sensor"]]
        code = np.array([known.get(name, -1) for name in names], dtype=np.int64)
        for row in np.flatnonzero(code < 0).tolist():
            self._strange[names[row]] = self._strange.get(names[row], 0) + 1
        return code

    def _coded_numbers(self, code: NDArray[np.int64], texts: Sequence[str], numbers: NDArray[np.int64]) -> Values:
        values = np.full(len(code), np.nan)
        for channel in np.unique(code[code >= 0]).tolist():
            rows = np.flatnonzero(code == channel)
            name = self._channels[channel]
            values[rows] = self._numbers(name, [texts[row] for row in rows.tolist()], numbers[rows], "value")
        return values

    def _numbers(self, channel: str, texts: Sequence[str], numbers: NDArray[np.int64], column: str) -> Values:
        """(n,) the values that `texts` tell of a channel; NaN for what is lost."""
        series = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce")
        values = np.array(series, dtype=np.float64)
        settings = self._home.channels[channel]
        own = {word.strip().casefold(): value for word, value in settings.words.items()}
        cache: dict[str, float] = {}
        for row in np.flatnonzero(np.isnan(values)).tolist():
            if (text := texts[row]) not in cache:
                cache[text] = _value_of(text, own)
            values[row] = cache[text]
        wrong = np.abs(values) > _LARGEST
        expected = f"a number, a word such as on or off, or one of `channels.{channel}.words`"
        if settings.kind in STATES and not wrong.any():
            wrong = ~(np.isnan(values) | np.isin(values, (0.0, 1.0)))
            expected = f"0 or 1, or on or off, of a {settings.kind}"
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            place = self._table.place(int(numbers[row]), column)
            remedy = "mend the line, or correct the channel in home.yaml"
            raise self._error(place, f"{texts[row][:40]!r} of {channel}", expected, remedy)
        return values

    def _stamps(self, column: str) -> StampColumn:
        return StampColumn(self._table.path, column, self._zone, unit=self._table.unit)

    def _refuse_others(self, known: set[str]) -> None:
        if others := [name for name in self._table.names if name not in known]:
            place, found = f"{self._table.unit} 1", f"the columns {name_some(others)} beside those of an event log"
            raise self._error(place, found, f"{', '.join(sorted(known))} alone", "remove the others")

    def _error(self, place: str, found: str, expected: str, remedy: str) -> BadInputError:
        return BadInputError(self._table.path, place, found=found, expected=expected, remedy=remedy)


def _value_of(text: str, own: Mapping[str, float]) -> float:
    """The number that a word tells, NaN for a lost value, infinity for what tells nothing."""
    word = text.strip().casefold()
    if word in own:
        return own[word]
    if word in WORDS:
        return WORDS[word]
    return math.nan if word in _LOST else math.inf
