"""SubRip files (.srt): when each caption is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from detach_core.contracts.errors import BadInputError
from detach_core.datasets.text_file import read_text

_TIMES = re.compile(r"(\d{1,4}):([0-5]\d):([0-5]\d)[,.](\d{1,3})\s*-->\s*(\d{1,4}):([0-5]\d):([0-5]\d)[,.](\d{1,3})")


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
        BadInputError: a caption has no times or no text, or time runs backwards.
    """
    path = Path(path)
    captions: list[Caption] = []
    block: list[tuple[int, str]] = []
    lines = [*read_text(path).splitlines(), ""]
    for number, line in enumerate(lines, start=1):
        if line.strip():
            block.append((number, line.strip()))
        elif block:
            caption = _caption(path, block)
            if captions and caption.start_s < captions[-1].start_s:
                raise _error(path, caption.line, "a caption that starts before the one above it", "increasing times")
            captions.append(caption)
            block = []
    return captions


def _caption(path: Path, block: list[tuple[int, str]]) -> Caption:
    # The running number above the times is left out by some writers.
    if not _TIMES.match(block[0][1]) and len(block) > 1:
        block = block[1:]
    number, text = block[0]
    match = _TIMES.match(text)
    if match is None:
        raise _error(path, number, repr(text[:40]), "times like 00:00:01,500 --> 00:00:03,000")
    if len(block) < 2:
        raise _error(path, number, "a caption without text", "a label below the times")
    start_s, end_s = (
        int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000
        for hours, minutes, seconds, fraction in (match.groups()[:4], match.groups()[4:])
    )
    if end_s < start_s:
        raise _error(path, number, "an end before its start", "increasing times")
    return Caption(start_s, end_s, " ".join(text for _, text in block[1:]), number)


def _error(path: Path, line: int, found: str, expected: str) -> BadInputError:
    return BadInputError(path, f"line {line}", found=found, expected=expected, remedy="mend the line")
