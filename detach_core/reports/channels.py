"""Channels -> sensors: what kinds of sensor a dataset has, counted from its channels' names and units."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_ACCELERATION = re.compile(r"^(milli ?g|mg|g|m/s\^?2)$", re.IGNORECASE)
_AXIS = re.compile(r"[ _-]?(acc)?[xyz]$", re.IGNORECASE)
_MOTION = re.compile(r"motion|pir", re.IGNORECASE)
_TWO_STATES = re.compile(r"logic|0/1|open|closed|on/off|state|bool", re.IGNORECASE)


def sensor_types(names: Sequence[str], units: Sequence[str]) -> dict[str, int]:
    """Kind of sensor -> how many; the three axes of an accelerometer are one sensor."""
    sensors = {(_kind(name, unit), _sensor_name(name, unit)) for name, unit in zip(names, units, strict=True)}
    counts = Counter(kind for kind, _ in sensors)
    order = ("logic switch", "accelerometer", "logic motion sensor", "other sensor")
    return {kind: counts[kind] for kind in order if counts[kind]}


def _kind(name: str, unit: str) -> str:
    if _ACCELERATION.match(unit.strip()):
        return "accelerometer"
    if _MOTION.search(name):
        return "logic motion sensor"
    return "logic switch" if _TWO_STATES.search(unit) else "other sensor"


def _sensor_name(name: str, unit: str) -> str:
    return _AXIS.sub("", name) if _ACCELERATION.match(unit.strip()) else name
