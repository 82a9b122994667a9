"""OPPORTUNITY's text files: ambient columns, ML_Both_Arms codes, and the subtitle tracks of Opportunity++."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detach_core.contracts.recording import Annotation
from detach_core.contracts.rows import Rows, blocks
from detach_core.datasets.text_file import read_text
from detach_core.foundation.errors import BadInputError
from detach_core.windows.labels import runs

NUM_COLUMNS = 250

TIME_COLUMN = 1  # MILLISEC

LABEL_COLUMN = 250  # ML_Both_Arms

FIRST_SWITCH = 195

SWITCHES = (
    "DISHWASHER S1", "FRIDGE S3", "FRIDGE S2", "FRIDGE S1", "MIDDLEDRAWER S1", "MIDDLEDRAWER S2", "MIDDLEDRAWER S3",
    "LOWERDRAWER S3", "LOWERDRAWER S2", "UPPERDRAWER", "DISHWASHER S3", "LOWERDRAWER S1", "DISHWASHER S2",
)  # fmt: skip

FIRST_ACCELEROMETER = 208

DECKCHAIR = "LAZYCHAIR"

ACCELEROMETERS = ("DOOR1", DECKCHAIR, "DOOR2", "DISHWASHER", "UPPERDRAWER", "LOWERDRAWER", "MIDDLEDRAWER", "FRIDGE")


# Display name of each fixture -> the word that its sensors' names start with.
FIXTURES = {
    "Door 1": "DOOR1",
    "Door 2": "DOOR2",
    "Fridge": "FRIDGE",
    "Dishwasher": "DISHWASHER",
    "Drawer 1": "UPPERDRAWER",
    "Drawer 2": "MIDDLEDRAWER",
    "Drawer 3": "LOWERDRAWER",
}

NULL_CODE = 0

GESTURES = {
    406516: "Open Door 1",
    406517: "Open Door 2",
    404516: "Close Door 1",
    404517: "Close Door 2",
    406520: "Open Fridge",
    404520: "Close Fridge",
    406505: "Open Dishwasher",
    404505: "Close Dishwasher",
    406519: "Open Drawer 1",
    404519: "Close Drawer 1",
    406511: "Open Drawer 2",
    404511: "Close Drawer 2",
    406508: "Open Drawer 3",
    404508: "Close Drawer 3",
    408512: "Clean Table",
    407521: "Drink from Cup",
    405506: "Toggle Switch",
}

ACTIONS = ("Open", "Close")


# Gesture -> the fixture that it is done on and what is done; other gestures have none.
FIXTURE_GESTURES = {f"{action} {fixture}": (fixture, action) for fixture in FIXTURES for action in ACTIONS}


def ambient_columns(*, deckchair: bool) -> dict[str, tuple[int, str]]:
    """Channel name -> (1-based column, unit) of the 34 ambient channels, or 37 with the deckchair, in column order."""
    columns = {f"REED SWITCH {name}": (FIRST_SWITCH + i, "logical") for i, name in enumerate(SWITCHES)}
    for i, sensor in enumerate(ACCELEROMETERS):
        if sensor != DECKCHAIR or deckchair:
            for j, axis in enumerate("XYZ"):
                columns[f"Accelerometer {sensor} acc{axis}"] = (FIRST_ACCELEROMETER + 3 * i + j, "milli g")
    return columns


def fixture_of_channel(channel: str) -> str | None:
    """The fixture that a channel watches; None for the deckchair."""
    sensor = channel.removeprefix("REED SWITCH ").removeprefix("Accelerometer ").split()[0]
    return next((name for name, word in FIXTURES.items() if word == sensor), None)


def fixture_of_gesture(gesture: str) -> str | None:
    """The fixture that a gesture is done on; None for gestures without one."""
    return FIXTURE_GESTURES[gesture][0] if gesture in FIXTURE_GESTURES else None


def action_of_gesture(gesture: str) -> str:
    """`Open` or `Close`; "" for a gesture without a fixture."""
    return FIXTURE_GESTURES[gesture][1] if gesture in FIXTURE_GESTURES else ""


_TIME = r"(\d{1,4}):([0-5]\d):([0-5]\d)[,.](\d{1,3})"

_SETTINGS = r"(?:\s+\w+:\S+)*"  # where on the screen, as some writers add

_TIMES = re.compile(rf"{_TIME}\s*-->\s*{_TIME}{_SETTINGS}", re.ASCII)

_NUMBER = re.compile(r"\d+", re.ASCII)

_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Caption:
    """A text shown in [start_s, end_s); `line` is where its times stand in the file."""

    start_s: float
    end_s: float
    text: str
    line: int


def read_captions(path: Path | str) -> list[Caption]:
    """The captions in the file's order.

    Raises:
        BadInputError: a caption has no times or no text, or time runs backwards; or the file is WebVTT.
    """
    path = Path(path)
    lines = [line.strip() for line in _BREAK.split(read_text(path))]
    if lines[0].startswith("WEBVTT"):
        remedy = "convert it (ffmpeg -i in.vtt out.srt)"
        raise BadInputError(path, "line 1", found="a WebVTT file", expected="SubRip", remedy=remedy)
    times = [row for row, line in enumerate(lines) if "-->" in line]
    for row in times:
        if not _TIMES.fullmatch(lines[row]):
            raise _error(path, row, repr(lines[row][:60]), "times like 00:00:01,500 --> 00:00:03,000")
    heads = _heads(lines, times)
    if stray := [row for row, line in enumerate(lines[: heads[0] if heads else None]) if line]:
        raise _error(path, stray[0], repr(lines[stray[0]][:40]), "times like 00:00:01,500 --> 00:00:03,000")
    captions: list[Caption] = []
    for row, end in zip(times, [*heads, len(lines)][1:], strict=True):
        caption = _caption(path, lines, row, end)
        if captions and caption.start_s < captions[-1].start_s:
            raise _error(path, row, "a caption that starts before the one above it", "increasing times")
        captions.append(caption)
    return captions


def _heads(lines: list[str], times: list[int]) -> list[int]:
    """The first row of each caption: its times, or the running number right above them.

    A number there is the running one below a blank line, or in a file that numbers its captions. Where it would be the
    only text of the caption above, it must also follow that caption's number.
    """
    heads, numbered, last = [], False, 0
    for place, row in enumerate(times):
        above = int(lines[row - 1]) if row and _NUMBER.fullmatch(lines[row - 1]) else None
        parted = row < 2 or not lines[row - 2]
        only_text = place > 0 and row - 2 == times[place - 1]
        is_head = above is not None and (parted or (numbered and (not only_text or above == last + 1)))
        heads.append(row - 1 if is_head else row)
        if place == 0:
            numbered = is_head
        last = above if is_head and above is not None else last + 1
    return heads


def _caption(path: Path, lines: list[str], row: int, end: int) -> Caption:
    start_s, end_s = (
        int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000
        for hours, minutes, seconds, fraction in re.findall(_TIME, lines[row])[:2]
    )
    if end_s < start_s:
        raise _error(path, row, "an end before its start", "increasing times")
    text = lines[row + 1 : end]
    while text and not text[-1]:
        text.pop()
    if not text:
        raise _error(path, row, "a caption without text", "a label below the times")
    if "" in text:
        stray = row + 1 + next(place for place, line in enumerate(text) if line and "" in text[:place])
        found = f"{lines[stray][:40]!r} below a blank line, without times of its own"
        raise _error(path, stray, found, "times above it, or no blank line")
    return Caption(start_s, end_s, " ".join(text), row + 1)


def _error(path: Path, row: int, found: str, expected: str) -> BadInputError:
    return BadInputError(path, f"line {row + 1}", found=found, expected=expected, remedy="mend the line")


Interval = tuple[float, float, int]  # start_s, end_s, code


def column_intervals(path: Path, codes: Rows, time_s: Rows, *, period_s: float) -> list[Interval]:
    """The intervals of one code in column 250, (T,) f64 as `time_s`; a lost code counts as null.

    Raises:
        BadInputError: a code that the legend does not have; names the line.
    """
    for first, piece in blocks(codes):
        whole = np.nan_to_num(piece, nan=NULL_CODE)
        known = np.isin(whole, [NULL_CODE, *GESTURES])
        if not known.all():
            row = int(np.flatnonzero(~known)[0])
            raise _unknown_code(path, f"line {first + row + 1}, column {LABEL_COLUMN}", f"{whole[row]:g}")
    intervals: list[Interval] = []
    last_code = NULL_CODE
    for first, piece in blocks(codes):
        begin = time_s[first : first + len(piece)]
        following = time_s[first + 1 : first + len(piece) + 1]
        # A gesture ends where the next sample begins, unless samples are missing there.
        ends = np.minimum(np.append(following, [np.inf] * (len(begin) - len(following))), begin + 1.5 * period_s)
        if len(following) < len(begin):
            ends[-1] = begin[-1] + period_s
        for code, start, end in runs(np.nan_to_num(piece, nan=NULL_CODE).astype(np.int64)):
            if code != NULL_CODE and start == 0 and code == last_code:
                intervals[-1] = (intervals[-1][0], float(ends[end - 1]), code)  # continues from the piece before
            elif code != NULL_CODE:
                intervals.append((float(begin[start]), float(ends[end - 1]), code))
            last_code = code
    return intervals


def track_intervals(path: Path) -> list[Interval]:
    """The intervals of an .srt track with captions such as `406516 - Open Door 1`; null captions are left out.

    Raises:
        BadInputError: a code that the legend does not have, or a file that is no .srt; names the line.
    """
    intervals = []
    for caption in read_captions(path):
        match = re.match(r"\d{1,9}", caption.text)
        code = int(match.group()) if match else None
        if code is None:
            code = next((number for number, name in GESTURES.items() if name.lower() == caption.text.lower()), None)
        if code is None or (code != NULL_CODE and code not in GESTURES):
            raise _unknown_code(path, f"line {caption.line}", repr(caption.text[:40]))
        if code != NULL_CODE and caption.end_s > caption.start_s:
            intervals.append((caption.start_s, caption.end_s, code))
    return intervals


def choose_intervals(
    column: list[Interval], track: list[Interval] | None, *, tolerance_s: float
) -> tuple[list[Interval], list[str]]:
    """The intervals to use, and remarks on the differences between the two sources."""
    if not column:
        if not track:
            return [], ["no gesture is annotated"]
        return track, ["column 250 holds no gesture; the .srt track is used"]
    return column, [] if track is None else _differences(column, track, tolerance_s)


def to_annotations(intervals: Sequence[Interval], class_names: Sequence[str]) -> tuple[Annotation, ...]:
    """The intervals with class indices, ordered by start; -1 for a gesture that is not a class."""
    index = {name: number for number, name in enumerate(class_names)}
    return tuple(Annotation(start, end, index.get(GESTURES[code], -1)) for start, end, code in sorted(intervals))


def _differences(column: list[Interval], track: list[Interval], tolerance_s: float) -> list[str]:
    remarks = []
    if len(column) != len(track):
        remarks.append(f"column 250 has {len(column)} gestures, the .srt track {len(track)}")
    late: list[tuple[float, Interval]] = []
    for start, end, code in column:
        same = [(max(abs(start - other[0]), abs(end - other[1])), other) for other in track if other[2] == code]
        difference = min(same)[0] if same else float("inf")
        if difference > tolerance_s:
            late.append((difference, (start, end, code)))
    if late:
        difference, (start, _, code) = max(late)
        much = "has no counterpart" if np.isinf(difference) else f"differs by {difference:.2f} s"
        remarks.append(
            f"{len(late)} of {len(column)} gestures of column 250 differ from the .srt track by more than "
            f"{tolerance_s:g} s; {GESTURES[code]} at {start:.2f} s {much}; column 250 is used"
        )
    return remarks


def _unknown_code(path: Path, place: str, found: str) -> BadInputError:
    expected = f"{NULL_CODE} or one of the {len(GESTURES)} ML_Both_Arms codes of label_legend.txt"
    remedy = "correct the label, or set it to 0"
    return BadInputError(path, place, found=f"label code {found}", expected=expected, remedy=remedy)
