"""Statistics of the prepared data (Table 7), counted from windows and their split, and the paper's published values."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from detach_core.contracts.split import PARTS, Split
from detach_core.contracts.windows import Windows
from detach_core.windows.packing import NOWHERE
from detach_core.windows.splitting import shared_seconds

LABEL_LEVELS = {"window": "mid-level (a gesture)", "recording": "high-level (a sequence)"}

_ACCELERATION = re.compile(r"^(milli ?g|mg|g|m/s\^?2)$", re.IGNORECASE)

_AXIS = re.compile(r"[ _-]?(acc)?[xyz]$", re.IGNORECASE)

_MOTION = re.compile(r"motion|pir", re.IGNORECASE)

_TWO_STATES = re.compile(r"logic|0/1|open|closed|on/off|state|bool", re.IGNORECASE)


def sensor_types(names: Sequence[str], units: Sequence[str]) -> dict[str, int]:
    """Kind of sensor -> number of sensors; the three axes of an accelerometer are one sensor."""
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


def dataset_statistics(windows: Windows, split: Split) -> dict[str, Any]:
    """Attribute -> value, those of the paper's Table 7 first."""
    labelled = windows.label >= 0
    present = np.unique(windows.label[labelled])
    statistics: dict[str, Any] = {
        "sensor_types": sensor_types(windows.channel_names, windows.channel_units),
        "sensor_locations": [name for name in windows.location_names if name != NOWHERE],
        "label_level": LABEL_LEVELS[windows.label_unit],
        "classes": len(present),
        "class_names": [windows.class_names[label] for label in present],
        "subjects": len(np.unique(windows.subject)),
        "windows": windows.num_windows,
        "labelled_windows": int(labelled.sum()),
        "instances": len(np.unique(windows.instance[windows.instance >= 0])),
        "recordings": len(np.unique(windows.recording)),
        "channels": len(windows.channel_names),
        "seconds": _covered_seconds(windows),
        "window_s": windows.window_s,
        "stride_s": windows.stride_s,
        "sensor_hz": windows.sensor_hz,
        "video_working_hz": windows.working_hz,
    }
    statistics |= {f"{part}_windows": len(split.parts[part]) for part in PARTS}
    for pair in split.overlap:
        if pair.a in PARTS and pair.b in PARTS:
            shared = f"{pair.shared_s:g} s, {pair.shared_instances} instances"
            statistics[f"{pair.a}_and_{pair.b}_share"] = shared
    return statistics


def _covered_seconds(windows: Windows) -> float:
    return shared_seconds(windows.recording, windows.start_s, windows.recording, windows.start_s, windows.window_s)


@dataclass(frozen=True)
class PublishedMetrics:
    """Weighted F1 and mAP of a cell, fractions with two decimals."""

    f1_weighted: float
    map: float


@lru_cache(maxsize=1)
def paper_values() -> dict[str, Any]:
    """All of `paper_values.json`."""
    text = files("detach_core.evaluation").joinpath("paper_values.json").read_text(encoding="utf-8")
    values: dict[str, Any] = json.loads(text)
    return values


def published_metrics(table: str, row: str, dataset: str) -> PublishedMetrics | None:
    """The cell of the paper's `table` (`table1` to `table6`) for a row's variant and a dataset, if there is one."""
    cell = paper_values()["tables"].get(table, {}).get(row, {}).get(dataset)
    return None if cell is None else PublishedMetrics(cell["f1_weighted"], cell["map"])


def published_statistics(dataset: str) -> dict[str, Any]:
    """The paper's statistics of a dataset (Table 7, Sec. 4); empty for a dataset that the paper does not have."""
    values = paper_values()
    statistics = values["statistics"].get(dataset)
    if statistics is None:
        return {}
    printed = values["settings"]
    rates = {name: printed[name][dataset] for name in ("sensor_hz", "video_hz")}
    return {**statistics, **rates, "window_s": printed["window_s"], "stride_s": printed["stride_s"]}
