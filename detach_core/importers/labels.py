"""Labels of other programs: intervals, subtitles, ELAN, BORIS and Label Studio.

Each reader gives intervals in seconds since the beginning of the media, or in moments where the source has dates.

- Intervals: CSV of `start,end,label` (moments) or `start_s,end_s,label`.
- SubRip and WebVTT, read by pysubs2; the text is the label.
- ELAN `.eaf`, read by pympi-ling: the annotations of one tier, in milliseconds (ELAN Annotation Format 3.0).
- BORIS, CSV or TSV (olivierfriard/BORIS, `export_observation.py`, `export_events.py`): "aggregated events" with
  `Behavior`, `Behavior type`, `Start (s)`, `Stop (s)`, or "tabular events" with `Behavior`, `Time` and, as `Behavior
  type` (version 8) or `Status` (before), START, STOP or POINT, before version 8 behind a heading of the observation.
- Label Studio JSON (HumanSignal/label-studio, `docs/source/tags`): `timeserieslabels` from `start` to `end`, in the
  times of its time column (dates, or milliseconds since 1970; smaller numbers are seconds of the media);
  `timelinelabels` with `ranges` of frames counted from 1; `videorectangle` with a `sequence` of key frames (`frame`,
  `time`, `enabled`).
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from detach_core.foundation.errors import BadInputError, UserError, shown
from detach_core.importers.events import Interval, Remarks
from detach_core.importers.interval_table import interval_table
from detach_core.importers.stamps import LocalTimes, from_epoch, parse_stamp
from detach_core.importers.text_table import read_lines, read_table

FORMATS = ("intervals", "subtitles", "elan", "boris", "label-studio")
_SUFFIXES = {".srt": "subtitles", ".vtt": "subtitles", ".eaf": "elan", ".json": "label-studio"}
_BORIS_HEAD = re.compile(r"(?:^|[,;\t])\"?Behavior\"?(?:[,;\t]|$)")
_FIRST_EPOCH_MS = 1e11  # in 1973; as seconds of a media it would be three thousand years


def format_of(path: Path) -> str:
    """The format of the labels in `path`, by its suffix, and of a table by its columns.

    Raises:
        BadInputError: none is known for it.
    """
    if (of_suffix := _SUFFIXES.get(path.suffix.lower())) is not None:
        return of_suffix
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        expected = "a table (.csv, .tsv), .srt, .vtt, .eaf or .json"
        remedy = f"say the format by --format ({', '.join(FORMATS)})"
        raise BadInputError(path, "file", found=f"the suffix {path.suffix!r}", expected=expected, remedy=remedy)
    return "boris" if any(_BORIS_HEAD.search(line) for _, line in read_lines(path)) else "intervals"


def wall_clock(labels: Iterable[Interval], start: datetime | None) -> list[Interval]:
    """The labels with times of the media counted from `start`; unchanged without one."""
    if start is None:
        return list(labels)
    return [one._replace(start=_from(one.start, start), end=_from(one.end, start)) for one in labels]


def _from(time: datetime | float, start: datetime) -> datetime:
    return time if isinstance(time, datetime) else start + timedelta(seconds=time)


def read_intervals(path: Path, times: LocalTimes) -> list[Interval]:
    """A table with `start,end,label` or `start_s,end_s,label`.

    Raises:
        BadInputError: a column is missing, or a time cannot be read; names the line.
    """
    header = next((line for _, line in read_lines(path)), "")
    if re.search(r"\bstart_s\b", header):
        return [
            Interval(number, _seconds(path, number, row, "start_s"), _seconds(path, number, row, "end_s"), row["label"])
            for number, row in read_table(path, ("start_s", "end_s", "label"))
        ]
    return interval_table(path, times, ("start", "end", "label"))


def _seconds(path: Path, number: int, row: Mapping[str, str], column: str) -> float:
    try:
        value = float(row.get(column, ""))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadInputError(
            path,
            f"line {number}, column {column}",
            found=shown(row.get(column, "")),
            expected="seconds since the beginning of the media",
            remedy="mend the line",
        )
    return value


def read_subtitles(path: Path) -> list[Interval]:
    """The captions of a SubRip or WebVTT file.

    Raises:
        BadInputError: the file cannot be read as subtitles.
    """
    import pysubs2

    for _ in read_lines(path):  # refuses what is no text
        pass
    try:
        captions = pysubs2.load(str(path), encoding="utf-8-sig")
    except (pysubs2.Pysubs2Error, ValueError) as error:
        expected, remedy = "subtitles (SubRip or WebVTT)", "export them again"
        raise BadInputError(path, "file", found=f"{error}", expected=expected, remedy=remedy) from None
    return [
        Interval(row, one.start / 1000.0, one.end / 1000.0, " ".join(one.plaintext.split()))
        for row, one in enumerate(captions, 1)
        if not one.is_comment
    ]


def read_elan(path: Path, tier: str | None) -> list[Interval]:
    """The annotations of one tier of an ELAN file; of the only one that has any, if `tier` is None.

    Raises:
        BadInputError: the file is no ELAN file, or its tier is not known; names those that it has.
    """
    import pympi

    if not path.is_file():
        raise BadInputError(path, "file", found="nothing", expected="an ELAN file", remedy="give its path")
    try:
        document = pympi.Eaf(str(path), suppress_version_warning=True)
        tiers = {name: document.get_annotation_data_for_tier(name) for name in document.get_tier_names()}
        filled = {name: [_elan_row(row) for row in rows] for name, rows in tiers.items() if rows}
    except Exception as error:  # the library raises nothing narrower for a file that it cannot parse
        expected, remedy = "an ELAN annotation document", "save it in ELAN again"
        raise BadInputError(
            path, "file", found=f"no such document ({error})", expected=expected, remedy=remedy
        ) from None
    if tier not in filled if tier is not None else len(filled) != 1:
        names = ", ".join(f"{name} ({len(rows)} annotations)" for name, rows in filled.items()) or "none"
        found = f"the tiers {names}"
        expected = "one with annotations" if tier is None else f"the tier {shown(tier)} with annotations"
        raise BadInputError(path, "tiers", found=found, expected=expected, remedy="choose one by --tier")
    rows = filled[tier] if tier is not None else next(iter(filled.values()))
    return [Interval(number, *row) for number, row in enumerate(sorted(rows), 1)]


def _elan_row(row: Sequence[Any]) -> tuple[float, float, str]:
    return float(row[0]) / 1000.0, float(row[1]) / 1000.0, " ".join(str(row[2]).split())


def read_boris(path: Path, remarks: Remarks, *, subject: str | None = None) -> list[Interval]:
    """The state events of a BORIS export; point events, which last no time, are left out and counted.

    Raises:
        BadInputError: it is no such table, holds several observations or (unless `subject` is given) subjects, or has a
            start without a stop; names the line.
    """
    header, rows = _boris_table(path)
    _refuse_several(path, rows, "Observation id", None)
    rows = _refuse_several(path, rows, "Subject", subject)
    if {"Start (s)", "Stop (s)"} <= set(header):
        return list(_boris_aggregated(path, rows, remarks))
    if "Time" in header and {"Behavior type", "Status"} & set(header):
        return list(_boris_tabular(path, rows, remarks))
    expected = "`Start (s)` and `Stop (s)`, or `Time` and `Behavior type` (or `Status`)"
    remedy = "export aggregated events from BORIS"
    raise BadInputError(path, "columns", found=", ".join(header), expected=expected, remedy=remedy)


def _boris_table(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    lines = list(read_lines(path))
    head = next((row for row, (_, line) in enumerate(lines) if _BORIS_HEAD.search(line)), None)
    if head is None:
        expected, remedy = "a heading with the column Behavior", "export aggregated events from BORIS"
        raise BadInputError(path, "columns", found="none of BORIS' tables", expected=expected, remedy=remedy)
    delimiter = max(",;\t", key=lines[head][1].count)
    try:
        header, *cells = csv.reader([line for _, line in lines[head:]], delimiter=delimiter)
    except csv.Error as error:
        expected, remedy = "a table", "export aggregated events from BORIS"
        raise BadInputError(path, "rows", found=f"{error}", expected=expected, remedy=remedy) from None
    first = lines[head][0]
    header = [name.strip() for name in header]
    return header, [
        (first + row, dict(zip(header, (cell.strip() for cell in one), strict=False)))
        for row, one in enumerate(cells, 1)
        if any(one)
    ]


def _refuse_several(
    path: Path, rows: list[tuple[int, dict[str, str]]], column: str, wanted: str | None
) -> list[tuple[int, dict[str, str]]]:
    values = sorted({row.get(column, "") for _, row in rows})
    if wanted is not None:
        if wanted not in values:
            found, expected = f"{', '.join(map(shown, values))}", f"{shown(wanted)} among them"
            raise BadInputError(path, f"column {column}", found=found, expected=expected, remedy="correct --subject")
        return [(number, row) for number, row in rows if row.get(column, "") == wanted]
    if len(values) > 1:
        found = f"{len(values)} of them: {', '.join(map(shown, values[:8]))}"
        remedy = "choose one by --subject" if column == "Subject" else "export each observation to a file of its own"
        raise BadInputError(path, f"column {column}", found=found, expected="one", remedy=remedy)
    return rows


def _boris_aggregated(path: Path, rows: Iterable[tuple[int, dict[str, str]]], remarks: Remarks) -> Iterator[Interval]:
    for number, row in rows:
        if row.get("Behavior type", "").upper() == "POINT":
            remarks.add("{n} point events, which last no time, are left out", f"line {number}")
        else:
            start, end = (_seconds(path, number, row, column) for column in ("Start (s)", "Stop (s)"))
            yield Interval(number, start, end, row.get("Behavior", ""))


def _boris_tabular(path: Path, rows: Iterable[tuple[int, dict[str, str]]], remarks: Remarks) -> Iterator[Interval]:
    open_at: dict[str, tuple[int, float]] = {}
    for number, row in rows:
        label, at_s = row.get("Behavior", ""), _seconds(path, number, row, "Time")
        edge = (row.get("Status") or row.get("Behavior type", "")).upper()
        if edge == "POINT":
            remarks.add("{n} point events, which last no time, are left out", f"line {number}")
        elif edge == "START" and label not in open_at:
            open_at[label] = number, at_s
        elif edge == "STOP" and label in open_at:
            begin, start_s = open_at.pop(label)
            yield Interval(begin, start_s, at_s, label)
        else:
            raise _unpaired(path, number, f"{edge or 'neither START nor STOP'} of {shown(label)}")
    for label, (number, _) in open_at.items():
        raise _unpaired(path, number, f"START of {shown(label)} without a STOP")


def _unpaired(path: Path, number: int, found: str) -> BadInputError:
    expected, remedy = "START and STOP of each behavior in turn", "close the event in BORIS and export again"
    return BadInputError(path, f"line {number}", found=found, expected=expected, remedy=remedy)


def read_label_studio(path: Path, times: LocalTimes, *, fps: float | None = None) -> list[Interval]:
    """The regions of a Label Studio export with one annotated task.

    Raises:
        BadInputError: it is no such JSON, has several tasks or annotations, or a region's times cannot be read.
        UserError: regions are in frames, and `fps` is None.
    """
    results = _label_studio_results(path)
    regions = [one for number, result in enumerate(results, 1) for one in _regions(path, number, result, times, fps)]
    if len({type(one.start) for one in regions}) > 1:
        found, expected = "regions with dates and regions with seconds of the media", "one kind of times"
        raise BadInputError(path, "regions", found=found, expected=expected, remedy="export one media a file")
    return regions


def _label_studio_results(path: Path) -> list[Any]:
    try:
        tasks = json.loads("\n".join(line for _, line in read_lines(path)))
    except (ValueError, RecursionError) as error:
        remedy = "export as JSON (not JSON-MIN) from Label Studio"
        raise BadInputError(path, "file", found=f"no JSON ({error})", expected="JSON", remedy=remedy) from None
    tasks = tasks if isinstance(tasks, list) else [tasks]
    annotations = [
        one
        for task in tasks
        if isinstance(task, Mapping)
        for one in task.get("annotations") or task.get("completions") or []
        if isinstance(one, Mapping) and one.get("result") and not one.get("was_cancelled")
    ]
    if len(annotations) != 1 or not isinstance(annotations[0]["result"], list):
        found = f"{len(tasks)} tasks with {len(annotations)} annotations that hold regions"
        remedy = "export the one task of this recording as JSON (not JSON-MIN)"
        raise BadInputError(path, "tasks", found=found, expected="one annotation", remedy=remedy)
    return list(annotations[0]["result"])


def _regions(path: Path, number: int, result: Any, times: LocalTimes, fps: float | None) -> Iterator[Interval]:
    """The labelled spans of one region, empty for relations, choices and the like."""
    value = result.get("value") if isinstance(result, Mapping) else None
    if not isinstance(value, Mapping):
        return
    for key in ("timeserieslabels", "timelinelabels", "labels"):
        for label in value.get(key) or ():
            try:
                spans = list(_spans(key, value, times, number, fps))
            except (KeyError, TypeError, ValueError):
                expected = "a region with its start and end"
                raise BadInputError(
                    path, f"region {number}", found=shown(dict(value)), expected=expected, remedy="export again"
                ) from None
            yield from (Interval(number, start, end, str(label)) for start, end in spans)


def _spans(
    key: str, value: Mapping[str, Any], times: LocalTimes, number: int, fps: float | None
) -> Iterator[tuple[Any, Any]]:
    if key == "timeserieslabels" or ("start" in value and "end" in value):
        start = _series_time(value["start"], times, number)
        yield start, _series_time(value["end"], times, number)
    elif key == "timelinelabels":
        for span in value["ranges"]:
            # Both frames belong to the span, and the first of a video is frame 1.
            yield _frame_s(span["start"] - 1, fps), _frame_s(span["end"], fps)
    else:
        yield from _rectangle_spans(value, fps)


def _rectangle_spans(value: Mapping[str, Any], fps: float | None) -> Iterator[tuple[float, float]]:
    """Spans between key frames in which a rectangle is shown; one that is not switched off stays to the video's end."""
    since: float | None = None
    for one in value["sequence"]:
        at_s = float(one["time"]) if "time" in one else _frame_s(one["frame"] - 1, fps)
        if one.get("enabled", True):
            since = at_s if since is None else since
        elif since is not None:
            yield since, at_s
            since = None
    if since is not None:
        yield since, float(value["duration"])


def _series_time(written: Any, times: LocalTimes, number: int) -> datetime | float:
    if isinstance(written, str):
        stamp = parse_stamp(written)
        if stamp is None:
            raise ValueError(written)
        return times.moment(number, stamp)
    seconds = float(written)
    return from_epoch(seconds / 1000.0) if seconds > _FIRST_EPOCH_MS else seconds


def _frame_s(frames: float, fps: float | None) -> float:
    if fps is None:
        raise UserError("the labels are in frames of the video; give its frames per second as --fps, such as --fps 25")
    return frames / fps
