"""SubRip files (.srt): when each caption is shown.

Times begin a caption, whether or not a blank line and a running number stand above them. A line that could belong to a
caption whose times are lost or damaged is refused, so that none is swallowed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from detach_core.datasets.text_file import read_text
from detach_core.foundation.errors import BadInputError

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
