"""Logs of MQTT messages, Zigbee2MQTT's among them: payload keys become sensors `name/key`.

A line is one of

- a JSON object with topic, payload and time, such as `mosquitto_sub -F %J` writes (`tst`, `topic`, `retain`, `payload`;
  mosquitto's manual of mosquitto_sub);
- `TIME TOPIC PAYLOAD`, such as `mosquitto_sub -F '%I %t %p'` writes;
- Zigbee2MQTT's own log, `[TIME] info: z2m:mqtt: MQTT publish: topic '...', payload '...'` or `info  TIME: MQTT publish:
  ...`, in local time (github.com/Koenkk/zigbee2mqtt).

Zigbee2MQTT publishes all of a device's keys again whenever one of them changes, so repeated values are no new events;
`contact: true` is closed (zigbee2mqtt.io, "Exposes: Contact").
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from detach_core.foundation.errors import BadInputError, shown
from detach_core.importers.channels import Hint
from detach_core.importers.events import UNKNOWN, Event, Remarks
from detach_core.importers.stamps import LocalTimes, from_epoch, parse_stamp
from detach_core.importers.text_table import read_lines

# Of Zigbee2MQTT's devices, what tells of the radio and the battery and not of the home.
HOUSEKEEPING = ("linkquality", "battery", "voltage", "last_seen", "update", "update_available", "device", "elapsed")
_TIME_KEYS = ("tst", "time", "timestamp", "ts", "received", "_time")
_Z2M_LINE = re.compile(
    r"(?:\[(?P<a>[^\]]+)\]\s+\w+:|\w+\s+(?P<b>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d):)\s+(?P<text>.*)", re.ASCII
)
_PUBLISH = re.compile(r"(?:\S+\s+)?MQTT publish: topic '(?P<topic>[^']+)', payload '(?P<payload>.*)'", re.DOTALL)
_PLAIN_LINE = re.compile(r"(?P<time>\d\S+)\s+(?P<topic>\S+)(?:\s+(?P<payload>.*))?", re.DOTALL)
_EXAMPLE = '{"tst": "2020-01-31T12:00:00.000000+0000", "topic": "zigbee2mqtt/hall_door", "payload": {"contact": true}}'
_UNITS = {"temperature": "°C", "humidity": "%", "illuminance": "lx", "illuminance_lux": "lx", "power": "W"}


class Message(NamedTuple):
    """One message of a log: topic, payload as it was sent, and whether the broker had kept it from earlier."""

    topic: str
    payload: Any
    retained: bool


def read_messages(path: Path, times: LocalTimes, remarks: Remarks) -> Iterator[tuple[int, datetime, Message]]:
    """The messages of a log with their lines and moments; a last line that is still being written is left out.

    Raises:
        BadInputError: a line is none of the forms; names it.
    """
    return times.resolve(_stamped_messages(path, remarks))


def _stamped_messages(path: Path, remarks: Remarks) -> Iterator[tuple[int, datetime, Message]]:
    lines = _with_last(read_lines(path))
    for number, line, is_last in lines:
        if not line.strip():
            continue
        read = _parse(line)
        if isinstance(read, str):
            if is_last and not _ends_whole(path):
                remarks.add("the last line, which is not whole yet, is left out", f"line {number}")
                return
            remedy = "mend the line, or record as docs/own-home-imports.md says"
            raise BadInputError(
                path,
                f"line {number}",
                found=f"{read} in {shown(line)}",
                expected=f"a message such as {_EXAMPLE}",
                remedy=remedy,
            )
        if read is None:
            remarks.add("{n} lines of the log that tell of no message are left out", f"line {number}")
        else:
            yield number, *read


def _with_last(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str, bool]]:
    held: tuple[int, str] | None = None
    for one in lines:
        if held is not None:
            yield *held, False
        held = one
    if held is not None:
        yield *held, True


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"


def _parse(line: str) -> tuple[datetime, Message] | str | None:
    """Stamp and message of a line; None if it is a line of Zigbee2MQTT's log without a message; or what is wrong."""
    if line.lstrip().startswith("{"):
        return _parse_json(line)
    if match := _Z2M_LINE.fullmatch(line):
        stamp, publish = parse_stamp(match["a"] or match["b"]), _PUBLISH.fullmatch(match["text"])
        if publish is None:
            return None
        return "no time" if stamp is None else (stamp, Message(publish["topic"], _decoded(publish["payload"]), False))
    if match := _PLAIN_LINE.fullmatch(line):
        stamp = parse_stamp(match["time"])
        if stamp is not None:
            return stamp, Message(match["topic"], _decoded(match["payload"] or ""), False)
    return "no message"


def _parse_json(line: str) -> tuple[datetime, Message] | str:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"no JSON ({error})"
    topic, payload = record.get("topic"), record.get("payload")
    if not isinstance(topic, str):
        return "no topic"
    if isinstance(payload, str):
        payload = _decoded(payload)
    written = next((record[key] for key in _TIME_KEYS if key in record), None)
    if written is None and isinstance(payload, Mapping):
        written = payload.get("last_seen")  # by the device's own report, when the log has no time
    stamp = _json_stamp(written)
    if stamp is None:
        return f"no time under {', '.join(_TIME_KEYS)}"
    return stamp, Message(topic, payload, bool(record.get("retain")))


def _json_stamp(written: Any) -> datetime | None:
    if isinstance(written, str):
        return parse_stamp(written)
    if (
        isinstance(written, int | float)
        and not isinstance(written, bool)
        and 1e8 < written < 7e12
        and not 7e9 < written < 1e11
    ):
        return from_epoch(written / 1000.0 if written > 1e11 else written)
    return None


def _decoded(payload: str) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return payload


class Reports:
    """Events of messages.

    Args:
        base: topics below it are devices by their friendly names; other topics keep their whole name.
        left_out: keys that become no sensors.
        remarks: where left-out messages are counted.
    """

    def __init__(self, remarks: Remarks, *, base: str = "zigbee2mqtt", left_out: Sequence[str] = HOUSEKEEPING) -> None:
        self._remarks, self._base, self._left_out = remarks, base.strip("/"), frozenset(left_out)
        self._sensors: dict[str, dict[str, None]] = {}  # of each device
        self.hints: dict[str, Hint] = {}

    def events(self, messages: Iterable[tuple[int, datetime, Message]]) -> Iterator[Event]:
        """The values of all messages; a device that has gone offline leaves each of its sensors unknown."""
        for number, moment, message in messages:
            device, kind = self._device(message.topic)
            if kind == "availability":
                if _is_offline(message.payload):
                    for sensor in self._sensors.get(device, ()):
                        yield Event(number, moment, sensor, UNKNOWN)
            elif kind == "state":
                if message.retained:
                    self._remarks.add(
                        "{n} messages were kept by the broker from earlier; they count from when they were received",
                        f"line {number}",
                    )
                for sensor, value in self._values(device, message.payload):
                    self._sensors.setdefault(device, {})[sensor] = None
                    yield Event(number, moment, sensor, value)
            else:
                self._remarks.add("{n} messages of topics that tell of no sensor are left out", f"line {number}")

    def _device(self, topic: str) -> tuple[str, str]:
        parts = topic.strip("/").split("/")
        name = "/".join(parts)
        if name.startswith(f"{self._base}/"):
            name, parts = name[len(self._base) + 1 :], parts[self._base.count("/") + 1 :]
            if parts[0] == "bridge":
                return name, "other"
        elif parts[0] in ("homeassistant", "$SYS"):
            return name, "other"
        if parts[-1] == "availability":
            return "/".join(parts[:-1]), "availability"
        return name, "other" if parts[-1] in ("set", "get") else "state"

    def _values(self, device: str, payload: Any) -> Iterator[tuple[str, str]]:
        for key, value in _flat(payload, self._left_out):
            sensor = f"{device}/{key}" if key else device
            last = key.rpartition("/")[2]
            if last == "contact" and isinstance(value, bool):
                self.hints.setdefault(sensor, Hint(kind="switch", reason="the key contact, of which true is closed"))
                yield sensor, "closed" if value else "open"
            else:
                if unit := _UNITS.get(last, ""):
                    self.hints.setdefault(sensor, Hint(unit=unit))
                yield sensor, _text(value)


def _flat(payload: Any, left_out: frozenset[str], above: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(payload, Mapping):
        yield above, payload
        return
    for key, value in payload.items():
        if key not in left_out:
            yield from _flat(value, left_out, f"{above}/{key}" if above else str(key))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return UNKNOWN if value is None else value if isinstance(value, str) else json.dumps(value)


def _is_offline(payload: Any) -> bool:
    state = payload.get("state") if isinstance(payload, Mapping) else payload
    return str(state).lower() == "offline"
