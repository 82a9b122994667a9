"""Table 7: what the prepared data are, computed from them, beside what the paper says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from detach_core.contracts.split import PARTS, Split
from detach_core.contracts.windows import Windows
from detach_core.reports.channels import sensor_types
from detach_core.reports.marked_text import plain
from detach_core.reports.paper import published_statistics
from detach_core.signals.locations import NOWHERE
from detach_core.signals.overlap import shared_seconds

LABEL_LEVELS = {"window": "mid-level (a gesture)", "recording": "high-level (a sequence)"}


def statistics_frame(pairs: Sequence[tuple[Windows, Split]]) -> pd.DataFrame:
    """A line for each dataset and attribute: `dataset, attribute, value, paper, source, split, commit`."""
    return pd.DataFrame([line for windows, split in pairs for line in _lines(windows, split)])


def _lines(windows: Windows, split: Split) -> list[dict[str, str]]:
    paper = published_statistics(windows.dataset)
    ours = dataset_statistics(windows, split)
    return [
        {
            "dataset": windows.dataset,
            "attribute": attribute,
            "value": _text(value),
            "paper": _text(paper.get(attribute, "")),
            "source": windows.source,
            "split": split.name,
            "commit": windows.provenance.commit,
        }
        for attribute, value in ours.items()
    ]


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


def statistics_caption(frame: pd.DataFrame) -> str:
    """Source, split and code; why there is neither protocol nor seed."""
    source = frame["source"].iloc[0]
    data = "Simulated data" if source == "simulated" else f"Recordings: {plain(source)}"
    split, commit = (plain(", ".join(dict.fromkeys(frame[name]))) for name in ("split", "commit"))
    return (
        f"{data}, computed from the prepared windows before any training, so under no protocol and with no seed;"
        f" split: {split}; commit: {commit}."
    )


def readable_statistics(frame: pd.DataFrame) -> pd.DataFrame:
    """An attribute a row, ours and the paper's side by side for each dataset."""
    columns: dict[str, list[str]] = {"Attribute": []}
    attributes = list(dict.fromkeys(frame["attribute"]))
    columns["Attribute"] = [attribute.replace("_", " ") for attribute in attributes]
    for dataset, lines in frame.groupby("dataset", sort=False):
        by_attribute = lines.set_index("attribute")
        for column, title in (("value", str(dataset)), ("paper", f"{dataset}, paper")):
            columns[title] = [by_attribute[column].get(attribute, "") for attribute in attributes]
    return pd.DataFrame(columns)


def _covered_seconds(windows: Windows) -> float:
    return shared_seconds(windows.recording, windows.start_s, windows.recording, windows.start_s, windows.window_s)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{count} x {kind}" for kind, count in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
