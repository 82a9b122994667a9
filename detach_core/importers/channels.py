"""Channels of an imported log: what their values are, and their kinds, guessed for the user to correct."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import yaml

KINDS = ("switch", "motion", "accelerometer", "power", "temperature", "humidity", "light", "sound", "scalar")
_MOST_WORDS = 8  # of a channel are remembered; a switch has two
_OF_SWITCHES = frozenset({"on", "off", "open", "closed"})

# Home Assistant's device classes of binary sensors and sensors; the other binary ones are switches, the others scalars.
_DEVICE_CLASSES = {
    **dict.fromkeys(["motion", "occupancy", "presence", "moving", "vibration"], "motion"),
    **dict.fromkeys(["power", "apparent_power", "reactive_power"], "power"),
    "temperature": "temperature",
    **dict.fromkeys(["humidity", "moisture"], "humidity"),
    "illuminance": "light",
    "sound_pressure": "sound",
}
_UNITS = {
    **dict.fromkeys(["W", "kW", "VA"], "power"),
    **dict.fromkeys(["°C", "°F", "K"], "temperature"),
    "lx": "light",
    **dict.fromkeys(["dB", "dBA"], "sound"),
    **dict.fromkeys(["g", "mg", "m/s²", "m/s^2"], "accelerometer"),
}
# Words in a channel's name or type, in the order in which they are looked for.
_NAME_WORDS = (
    ("motion", "motion", "on off"),
    ("pir", "motion", "on off"),
    ("occupancy", "motion", "on off"),
    ("presence", "motion", "on off"),
    ("vibration", "motion", "on off"),
    ("temperature", "temperature", "number"),
    ("humidity", "humidity", "number"),
    ("illuminance", "light", "number"),
    ("lux", "light", "number"),
    ("brightness", "light", "number"),
    ("sound", "sound", "number"),
    ("noise", "sound", "number"),
    ("power", "power", "number"),
    ("watt", "power", "number"),
    ("acceleration", "accelerometer", "number"),
    ("accelerometer", "accelerometer", "number"),
)


@dataclass(frozen=True)
class Hint:
    """What a log says of a channel beside its values.

    Attributes:
        device_class: Home Assistant's, empty if there is none.
        unit: of its numbers, as the log writes it.
        place: the room.
        kind: the kind that the log's own type stands for.
        reason: that type, for the comment beside the kind.
    """

    device_class: str = ""
    unit: str = ""
    place: str = ""
    kind: str = ""
    reason: str = ""


@dataclass
class _Values:
    numbers: int = 0
    others: int = 0  # neither 0 nor 1
    words: Counter[str] = field(default_factory=Counter)


class Survey:
    """Values of each channel of a log; its memory grows with the number of channels alone."""

    def __init__(self) -> None:
        self._values: dict[str, _Values] = {}

    def __len__(self) -> int:
        return len(self._values)

    def add(self, sensor: str, value: str) -> bool:
        """Take one value of an events table; whether the channel is new."""
        is_new = sensor not in self._values
        values = self._values.setdefault(sensor, _Values())
        if value in _OF_SWITCHES:
            values.words[value] += 1
        elif value != "unknown":
            values.numbers += 1
            values.others += float(value) not in (0.0, 1.0)
        return is_new

    def channels(self, hints: Mapping[str, Hint] | None = None) -> dict[str, Channel]:
        """The channels by name, with guessed kinds."""
        hints = hints or {}
        return {name: _guess(name, self._values[name], hints.get(name, Hint())) for name in sorted(self._values)}


@dataclass(frozen=True)
class Channel:
    """An entry below `channels:` of a home.yaml.

    Attributes:
        kind: one of `KINDS`, guessed.
        reason: what the guess rests on.
        unit: empty if it is unknown.
        place: as `unit`.
    """

    kind: str
    reason: str
    unit: str = ""
    place: str = ""

    def line(self, name: str) -> str:
        """The entry as a line of YAML, with the reason of its kind as a comment."""
        keys = [f"kind: {self.kind}"]
        keys += [f"{key}: {scalar(value)}" for key, value in (("unit", self.unit), ("place", self.place)) if value]
        return f"{scalar(name)}: {{{', '.join(keys)}}}  # guessed from {self.reason}"


def _guess(name: str, values: _Values, hint: Hint) -> Channel:
    is_binary = not values.others  # a number other than 0 and 1 is none of a switch, whatever words come beside it
    kind, reason = next(_guesses(name, values, hint, is_binary))
    return Channel(kind, reason, unit=hint.unit, place=hint.place)


def _guesses(name: str, values: _Values, hint: Hint, is_binary: bool) -> Iterator[tuple[str, str]]:
    """Kinds and what they rest on, the surest first."""
    if hint.kind:
        yield hint.kind, hint.reason
    if hint.device_class:
        of_class = _DEVICE_CLASSES.get(hint.device_class, "switch" if is_binary and values.words else "scalar")
        # A moisture sensor of on and off tells of a leak, one of numbers of the humidity.
        yield ("switch" if of_class == "humidity" and is_binary else of_class), f"device class {hint.device_class}"
    if not is_binary and hint.unit in _UNITS:
        yield _UNITS[hint.unit], f"unit {hint.unit}"
    parts = set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()))
    for word, kind, of in _NAME_WORDS:
        if word in parts and (of == "on off") == is_binary:
            yield kind, f"the word {word} in its name"
    if not values.words and not values.numbers:
        yield "scalar", "nothing, since it has no value"
    elif is_binary and values.words:
        yield "switch", f"its values {', '.join(sorted(values.words)[:_MOST_WORDS])}"
    elif is_binary:
        yield "switch", "its values, which are 0 and 1"
    yield "scalar", "its values, which are numbers"


def scalar(text: str) -> str:
    """`text` as a scalar of YAML that is read as a text, wherever it stands."""
    if re.fullmatch(r"\w[\w./ °²-]*", text) and yaml.safe_load(text) == text:
        return text
    return json.dumps(text, ensure_ascii=False)


def channel_lines(channels: Mapping[str, Channel]) -> dict[str, str]:
    """The entries below `channels:` by name, without indentation."""
    return {name: channel.line(name) for name, channel in channels.items()}


def class_lines(labels: Iterable[str]) -> dict[str, str]:
    """The entries below `classes:` by label, without indentation."""
    return {label: f"{scalar(label)}: {{}}" for label in sorted(set(labels))}
