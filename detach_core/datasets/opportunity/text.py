"""OPPORTUNITY's annotations: label column 250, and the .srt tracks that Opportunity++ adds.

Column 250 rules and the track is compared with it; where the column says nothing, the track rules.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from detach_core.contracts.recording import Annotation
from detach_core.contracts.rows import Rows, blocks
from detach_core.datasets.opportunity.columns import GESTURES, LABEL_COLUMN, NULL_CODE
from detach_core.datasets.subtitles import read_captions
from detach_core.foundation.errors import BadInputError
from detach_core.signals.labels import runs

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
                intervals[-1] = (intervals[-1][0], float(ends[end - 1]), code)  # goes on from the piece before
            elif code != NULL_CODE:
                intervals.append((float(begin[start]), float(ends[end - 1]), code))
            last_code = code
    return intervals


def track_intervals(path: Path) -> list[Interval]:
    """The intervals of an .srt track, whose captions read `406516 - Open Door 1`; null captions are left out.

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
    """The intervals that rule, and remarks on how the two sources differ."""
    if not column:
        if not track:
            return [], ["no gesture is annotated"]
        return track, ["column 250 holds no gesture; the .srt track is used"]
    return column, [] if track is None else _differences(column, track, tolerance_s)


def to_annotations(intervals: Sequence[Interval], class_names: Sequence[str]) -> tuple[Annotation, ...]:
    """The intervals with class indices, ordered by start; gestures that are no class become -1."""
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
