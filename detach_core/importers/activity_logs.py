"""Published logs of sensors and activities: CASAS, ARAS, van Kasteren's and Ordonez' tables, and pyadlml's layout.

CASAS (casas.wsu.edu; examples in tcsvn/pyadlml, `datasets/casas_aruba`): `date time sensor value [activity begin|end]`,
separated by blanks, tabs or commas; the newer release writes `activity="begin"`.

ARAS (Alemdar et al. 2013; tcsvn/pyadlml, `_datasets/aras.py`): `DAY_<n>.txt`, one line a second with 20 binary sensors
and the activities of two residents; it has no dates.

Van Kasteren et al. 2008 (tcsvn/pyadlml, `datasets/kasteren`): a heading with the names of ids, then `start end id
[value]` and `start end id`, separated by tabs, with times such as `25-Feb-2008 00:20:14`, and a last line `Length:
<rows>`. Ordonez et al. 2013 (UCI "Activities of Daily Living"): `start end location type place` and `start end
activity`.

pyadlml (tcsvn/pyadlml, `constants.py`): CSV with `time,device,value` and `start_time,end_time,activity`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import Path

from detach_core.foundation.errors import BadInputError, shown
from detach_core.importers.channels import Hint
from detach_core.importers.events import UNKNOWN, Event, Interval, Remarks
from detach_core.importers.interval_table import interval_table, stamp_of
from detach_core.importers.stamps import LocalTimes, parse_stamp, refuse_stamp
from detach_core.importers.text_table import read_lines, read_table

_MARKED = re.compile(r'(?P<name>[^="]+)="?(?P<edge>begin|end)"?', re.ASCII | re.IGNORECASE)
# First letters of CASAS' sensor names, followed by a number.
_CASAS_KINDS = {
    "M": ("motion", "its name, M and a number, as CASAS names motion sensors"),
    "MA": ("motion", "its name, MA and a number, as CASAS names motion sensors of an area"),
    "D": ("switch", "its name, D and a number, as CASAS names doors"),
    "T": ("temperature", "its name, T and a number, as CASAS names thermometers"),
    "LS": ("light", "its name, LS and a number, as CASAS names light sensors"),
    "L": ("switch", "its name, L and a number, as CASAS names lamps"),
    "P": ("power", "its name, P and a number, as CASAS names power meters"),
}
# Types of sensors in Ordonez' tables.
_TYPE_KINDS = {"pir": "motion", "magnetic": "switch", "flush": "switch", "pressure": "switch", "electric": "switch"}

# fmt: off
ARAS_ACTIVITIES = (
    "Other", "Going Out", "Preparing Breakfast", "Having Breakfast", "Preparing Lunch", "Having Lunch",
    "Preparing Dinner", "Having Dinner", "Washing Dishes", "Having Snack", "Sleeping", "Watching TV", "Studying",
    "Having Shower", "Toileting", "Napping", "Using Internet", "Reading Book", "Laundry", "Shaving", "Brushing Teeth",
    "Talking on the Phone", "Listening to Music", "Cleaning", "Having Conversation", "Having Guest",
    "Changing Clothes",
)
# fmt: on
_ARAS_SENSORS, _ARAS_RESIDENTS = 20, 2
_DAY_S = 86_400


@dataclass
class Log:
    """What an importer has read beside the events.

    Attributes:
        labels: complete once the events have been read to their end.
        hints: of the channels, as `labels`.
    """

    labels: list[Interval] = field(default_factory=list)
    hints: dict[str, Hint] = field(default_factory=dict)


def casas_events(path: Path, times: LocalTimes, log: Log, remarks: Remarks) -> Iterator[Event]:
    """The events of a CASAS log in its order.

    An activity that begins without an end, or ends without a begin, is left out and counted.

    Raises:
        BadInputError: a line has fewer than four words or no time; names it.
    """
    activities = _Activities(log, remarks)
    last: tuple[int, datetime] | None = None
    for number, moment, (sensor, value, note) in times.resolve(_casas_lines(path)):
        letters = re.fullmatch(r"([A-Z]+)\d+", sensor)
        if letters and letters[1] in _CASAS_KINDS:
            kind, reason = _CASAS_KINDS[letters[1]]
            log.hints.setdefault(sensor, Hint(kind=kind, reason=reason))
        if note:
            activities.take(number, moment, note)
        last = number, moment
        yield Event(number, moment, sensor, value)
    if last is not None:
        activities.close()


def _casas_lines(path: Path) -> Iterator[tuple[int, datetime, tuple[str, str, str]]]:
    for number, line in read_lines(path):
        words = line.replace(",", " ").split()
        if not words:
            continue
        stamp = parse_stamp(" ".join(words[:2]))
        if len(words) < 4 or stamp is None:
            expected = "date, time, sensor and value, such as 2010-11-04 00:03:50.209589 M003 ON"
            remedy = "mend the line, or take it out"
            raise BadInputError(path, f"line {number}", found=shown(line), expected=expected, remedy=remedy)
        yield number, stamp, (words[2], words[3], " ".join(words[4:]))


class _Activities:
    """Labels from the marks of activities' begins and ends."""

    def __init__(self, log: Log, remarks: Remarks) -> None:
        self._log, self._remarks = log, remarks
        self._open: dict[str, tuple[int, datetime]] = {}

    def take(self, number: int, moment: datetime, note: str) -> None:
        name, edge = self._mark(note)
        if edge == "begin":
            if name in self._open:
                self._lose(name)
            self._open[name] = number, moment
        elif edge == "end" and name in self._open:
            begin, start = self._open.pop(name)
            self._log.labels.append(Interval(begin, start, moment, name))
        elif edge == "end":
            self._remarks.add(f"{{n}} ends of {name} without a begin are left out", f"line {number}")
        elif name not in self._open:
            self._remarks.add(f"{{n}} marks of {name} that are neither begin nor end are left out", f"line {number}")

    def close(self) -> None:
        for name in list(self._open):
            self._lose(name)

    def _lose(self, name: str) -> None:
        number, _ = self._open.pop(name)
        self._remarks.add(f"{{n}} begins of {name} without an end are left out", f"line {number}")

    @staticmethod
    def _mark(note: str) -> tuple[str, str]:
        if match := _MARKED.fullmatch(note):
            return match["name"].strip(), match["edge"].lower()
        name, _, last = note.rpartition(" ")
        return (name, last.lower()) if last.lower() in ("begin", "end") and name else (note, "")


def aras_events(
    paths: Sequence[Path], first_day: date, zone: tzinfo, log: Log, remarks: Remarks, *, resident: int = 1
) -> Iterator[Event]:
    """The changes of ARAS' sensors; day 1 is `first_day`, and a file's first line its midnight in `zone`.

    Where a file is shorter than a day, or days are left out, all sensors become unknown until the next file.

    Raises:
        BadInputError: a file's name has no day or a day comes twice; a line has other than 20 bits and two activities.
    """
    last: list[str] = []
    activity: tuple[int, datetime, str] | None = None
    end: datetime | None = None
    for day, path in sorted(_aras_days(paths).items()):
        midnight = datetime.combine(first_day + timedelta(days=day - 1), time(), zone)
        if end is not None and midnight > end:
            yield from (Event(0, end, _aras_name(column), UNKNOWN) for column in range(_ARAS_SENSORS))
            remarks.add("{n} gaps between the files; the sensors are unknown in them", f"before {path.name}")
            _end_activity(log, activity, end)
            activity, last = None, []
        number = 0
        for number, bits, codes in _aras_lines(path):
            moment = _later(midnight, number - 1)
            for column, bit in enumerate(bits):
                if not last or last[column] != bit:
                    yield Event(number, moment, _aras_name(column), bit)
            last = bits
            code = codes[resident - 1]
            if activity is None or activity[2] != ARAS_ACTIVITIES[code - 1]:
                _end_activity(log, activity, moment)
                activity = number, moment, ARAS_ACTIVITIES[code - 1]
        end = _later(midnight, number)
    if end is not None:
        _end_activity(log, activity, end)


def _aras_days(paths: Sequence[Path]) -> dict[int, Path]:
    days: dict[int, Path] = {}
    for path in paths:
        match = re.search(r"(\d+)$", path.stem)
        if match is None or int(match[1]) < 1:
            expected, remedy = "a name that counts days from 1, such as DAY_1.txt", "rename the file"
            raise BadInputError(path, "file", found=shown(path.name), expected=expected, remedy=remedy)
        if int(match[1]) in days:
            found, remedy = f"day {int(match[1])}, as {days[int(match[1])]} has", "import one house at a time"
            raise BadInputError(path, "file", found=found, expected="one file a day", remedy=remedy)
        days[int(match[1])] = path
    return days


def _aras_lines(path: Path) -> Iterator[tuple[int, list[str], list[int]]]:
    for number, line in read_lines(path):
        words = line.split()
        bits, codes = words[:_ARAS_SENSORS], words[_ARAS_SENSORS:]
        are_bits = len(bits) == _ARAS_SENSORS and set(bits) <= {"0", "1"}
        are_codes = len(codes) == _ARAS_RESIDENTS and all(
            code.isdecimal() and 1 <= int(code) <= len(ARAS_ACTIVITIES) for code in codes
        )
        if not (are_bits and are_codes) or number > _DAY_S:
            found = f"more than {_DAY_S} lines" if number > _DAY_S else shown(line)
            expected = (
                f"20 sensors of 0 and 1 and two activities of 1 to {len(ARAS_ACTIVITIES)}, a line a second of one day"
            )
            raise BadInputError(path, f"line {number}", found=found, expected=expected, remedy="copy the file again")
        yield number, bits, [int(code) for code in codes]


def _aras_name(column: int) -> str:
    return f"sensor_{column + 1:02}"


def _later(midnight: datetime, seconds: int) -> datetime:
    """Counted in universal time, since a local day may have 23 hours."""
    return datetime.fromtimestamp(midnight.timestamp() + seconds, tz=midnight.tzinfo)


def _end_activity(log: Log, activity: tuple[int, datetime, str] | None, end: datetime) -> None:
    if activity is not None:
        log.labels.append(Interval(activity[0], activity[1], end, activity[2]))


_STAMP = r"(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?|\d\d?-[A-Za-z]{3}-\d{4} \d\d:\d\d:\d\d)"
_ROW = re.compile(rf"\s*({_STAMP})\s+({_STAMP})\s+(\S.*)", re.ASCII)
_CODE = re.compile(r"\s*\[?\s*(\d+)\s*\]?\s*:?\s*'([^']+)'\s*", re.ASCII)
_LENGTH = re.compile(r"\s*Length:\s*(\d+)\s*", re.ASCII)


class IntervalTable:
    """A table of van Kasteren's or Ordonez' form: its rows (line, start, end, other words), names of ids replaced.

    Args:
        path: the file.
        times: for its local times.

    Raises:
        BadInputError: no rows, a line among the rows that is none, or another number of rows than the last line says;
            names the line.
    """

    def __init__(self, path: Path, times: LocalTimes) -> None:
        self.path, self._times = path, times
        self.names: dict[str, str] = {}

    def rows(self) -> Iterator[tuple[int, datetime, datetime, list[str]]]:
        """The rows in the file's order."""
        for number, start, (end_stamp, words) in self._times.resolve(self._lines()):
            end = self._times.moment(number, end_stamp, not_before=start)
            yield number, start, end, words

    def _lines(self) -> Iterator[tuple[int, datetime, tuple[datetime, list[str]]]]:
        count, announced = 0, None
        for number, line in read_lines(self.path):
            if match := _ROW.fullmatch(line):
                start, end = parse_stamp(match[1]), parse_stamp(match[2])
                if start is None or end is None:
                    raise refuse_stamp(self.path, f"line {number}", match[1] if start is None else match[2])
                count += 1
                yield number, start, (end, match[3].split())
            elif match := _LENGTH.fullmatch(line):
                announced = number, int(match[1])
            elif match := _CODE.fullmatch(line):
                self.names[match[1]] = match[2].strip()
            elif count and line.strip(" \t-"):
                expected = "start, end and a name, such as 2011-11-28 02:27:59, 2011-11-28 10:18:11, Sleeping"
                raise BadInputError(
                    self.path, f"line {number}", found=shown(line), expected=expected, remedy="mend the line"
                )
        if announced is not None and announced[1] != count:
            place, expected = f"line {announced[0]}", f"{count}, the number of rows above"
            remedy = "copy the file again; it is not whole"
            raise BadInputError(self.path, place, found=f"Length: {announced[1]}", expected=expected, remedy=remedy)
        if not count:
            expected = "rows of start, end and a name, separated by tabs"
            remedy = "give the table of sensors, then that of activities"
            raise BadInputError(self.path, "rows", found="none", expected=expected, remedy=remedy)


def interval_events(table: IntervalTable, log: Log, remarks: Remarks, *, skip_bad_rows: bool = False) -> list[Event]:
    """On at each row's start and off at its end, by time; rows of one sensor that overlap are joined and counted.

    Raises:
        BadInputError: a row ends before it starts, unless `skip_bad_rows` leaves it out and counts it; names the line.
    """
    rows = list(_forward(table, remarks, skip_bad_rows))
    types: dict[str, set[str]] = {}  # of one place and location; a second sensor there is named by its type too
    for *_, words in rows:
        if len(words) == 3 and not words[0].isdecimal():
            types.setdefault(f"{words[2]}/{words[0]}", set()).add(words[1])
    spans: dict[str, list[tuple[int, datetime, datetime]]] = {}
    for number, start, end, words in rows:
        sensor, hint = _sensor_of(words, table.names)
        if len(types.get(sensor, ())) > 1:
            sensor = f"{sensor}/{words[1]}"
        log.hints.setdefault(sensor, hint)
        spans.setdefault(sensor, []).append((number, start, end))
    events: list[Event] = []
    for sensor, of_sensor in spans.items():
        for number, start, end in _joined(of_sensor, remarks):
            events += [Event(number, start, sensor, "on"), Event(number, end, sensor, "off")]
    return sorted(events, key=lambda event: event.time)  # stable: an off stays before an on of the same time


def _forward(
    table: IntervalTable, remarks: Remarks, skip_bad_rows: bool
) -> Iterator[tuple[int, datetime, datetime, list[str]]]:
    for number, start, end, words in table.rows():
        if end >= start:
            yield number, start, end, words
        elif skip_bad_rows:
            text = f"{{n}} rows of {table.path.name} that end before they start are left out"
            remarks.add(text, f"line {number}")
        else:
            found = f"an end {(start - end).total_seconds():g} s before its start"
            remedy = "mend the line, or leave such rows out with --skip-bad-rows"
            raise BadInputError(
                table.path, f"line {number}", found=found, expected="an end that is not before", remedy=remedy
            )


def _joined(
    rows: Iterable[tuple[int, datetime, datetime]], remarks: Remarks
) -> Iterator[tuple[int, datetime, datetime]]:
    held: tuple[int, datetime, datetime] | None = None
    for number, start, end in sorted(rows, key=lambda row: row[1]):
        if held is not None and start < held[2]:
            remarks.add("{n} rows overlap another of their sensor and are joined with it", f"line {number}")
            held = held[0], held[1], max(held[2], end)
        else:
            if held is not None:
                yield held
            held = number, start, end
    if held is not None:
        yield held


def _sensor_of(words: list[str], names: dict[str, str]) -> tuple[str, Hint]:
    if words[0].isdecimal():
        name = names.get(words[0], f"sensor_{words[0]}")
        return name, Hint(kind="switch", reason="its table, which tells when it was on")
    if len(words) == 3:
        location, of_type, place = words
        kind = _TYPE_KINDS.get(of_type.lower(), "switch")
        return f"{place}/{location}", Hint(kind=kind, reason=f"type {of_type}", place=place)
    return " ".join(words), Hint(kind="switch", reason="its table, which tells when it was on")


def interval_labels(table: IntervalTable) -> list[Interval]:
    """The rows as labels."""
    labels = []
    for number, start, end, words in table.rows():
        text = " ".join(words)
        labels.append(Interval(number, start, end, table.names.get(text, text)))
    return labels


def pyadlml_events(path: Path, times: LocalTimes, names: Path | None = None) -> Iterator[Event]:
    """The rows of a `time,device,value` table; `names` is its `device_mapping.csv` of `id,device`, if there is one.

    Raises:
        BadInputError: a column is missing, a time cannot be read, or a device is not in `names`; names the line.
    """
    mapping = {row["id"]: row["device"] for _, row in read_table(names, ("id", "device"))} if names else None
    for number, moment, (device, value) in times.resolve(_pyadlml_rows(path)):
        if mapping is not None and device not in mapping:
            expected, remedy = f"an id of {names}", "add it there, or leave --device-names away"
            raise BadInputError(path, f"line {number}", found=shown(device), expected=expected, remedy=remedy)
        yield Event(number, moment, device if mapping is None else mapping[device], value)


def _pyadlml_rows(path: Path) -> Iterator[tuple[int, datetime, tuple[str, str]]]:
    for number, row in read_table(path, ("time", "device", "value")):
        yield number, stamp_of(path, number, row, "time"), (row["device"], row["value"])


def pyadlml_labels(path: Path, times: LocalTimes) -> list[Interval]:
    """The rows of a `start_time,end_time,activity` table.

    Raises:
        BadInputError: as `pyadlml_events`.
    """
    return interval_table(path, times, ("start_time", "end_time", "activity"))
