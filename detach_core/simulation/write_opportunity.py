"""Writes Opportunity recordings as the originals are laid out: 250 columns of text, .srt tracks, legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from detach_core.contracts.atomic import write_text
from detach_core.datasets.opportunity.columns import GESTURES, LABEL_COLUMN, NUM_COLUMNS, ambient_columns
from detach_core.simulation.routine import Interval
from detach_core.simulation.trace import Array
from detach_core.simulation.tracks import ACTIVITIES, LOCOMOTION, OBJECTS, VERBS, Tracks

FIRST_AMBIENT, FIRST_TAG, FIRST_LABEL = 195, 232, 244
# Track -> (its column, code -> label). Column names as the release spells them.
LABEL_TRACKS: dict[str, tuple[int, str, dict[int, str]]] = {
    "locomotion": (244, "Locomotion", LOCOMOTION),
    "hl_activity": (245, "HL_Activity", ACTIVITIES),
    "left_arm": (246, "LL_Left_Arm", {200 + code: name for code, name in VERBS.items()}),
    "left_arm_object": (247, "LL_Left_Arm_Object", {300 + code: name for code, name in OBJECTS.items()}),
    "right_arm": (248, "LL_Right_Arm", {400 + code: name for code, name in VERBS.items()}),
    "right_arm_object": (249, "LL_Right_Arm_Object", {500 + code: name for code, name in OBJECTS.items()}),
    "ml_both_arms": (LABEL_COLUMN, "ML_Both_Arms", GESTURES),
}
BODY_WORN = " ".join(["NaN"] * (FIRST_AMBIENT - 2))


def sensor_text(time_s: Array, ambient: Mapping[str, Array], tags: Array, tracks: Tracks) -> str:
    """The sensor file: one line per sample.

    Args:
        time_s: (T,) sample times; written as whole milliseconds.
        ambient: channel name -> (T,) values; whole numbers or NaN. Exactly the 37 ambient channels.
        tags: (T, 12) positions of the four tags (mm), NaN where lost.
        tracks: all label tracks, by the names in `LABEL_TRACKS`.
    """
    columns = ambient_columns(deckchair=True)
    if set(columns) != set(ambient):
        raise ValueError(f"wrong ambient channels: {sorted(set(columns) ^ set(ambient))}")
    values = np.column_stack([*(ambient[name] for name in columns), tags])
    codes = np.zeros((len(time_s), NUM_COLUMNS - FIRST_LABEL + 1), dtype=np.int64)
    for track, (column, _, names) in LABEL_TRACKS.items():
        code_of = {name: code for code, name in names.items()}
        for interval in tracks[track]:
            rows = slice(*np.searchsorted(time_s, [interval.start_s, interval.end_s]))
            codes[rows, column - FIRST_LABEL] = code_of[interval.label]
    millisec = np.round(time_s * 1000).astype(np.int64)
    whole = np.where(np.isnan(values), 0, values).astype(np.int64)
    texts = [list(map(str, column)) for column in (*whole.T.tolist(), *codes.T.tolist())]
    for row, column in zip(*np.nonzero(np.isnan(values)), strict=True):
        texts[column][row] = "NaN"
    lines = (f"{moment} {BODY_WORN} {' '.join(rest)}" for moment, *rest in zip(millisec.tolist(), *texts, strict=True))
    return "\n".join(lines) + "\n"


def track_text(intervals: Sequence[Interval], names: Mapping[int, str]) -> str:
    """A track as SubRip captions such as `406516 - Open Door 1`."""
    code_of = {name: code for code, name in names.items()}
    blocks = [
        f"{number}\n{_clock(each.start_s)} --> {_clock(each.end_s)}\n{code_of[each.label]} - {each.label}\n"
        for number, each in enumerate(intervals, start=1)
    ]
    return "\n".join(blocks)


def _clock(time_s: float) -> str:
    seconds, milli = divmod(round(time_s * 1000), 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d},{milli:03d}"


def legend_text() -> str:
    """`label_legend.txt`: every code with its track and label."""
    lines = [
        f"{code}   -   {title}   -   {name}"
        for _, title, names in LABEL_TRACKS.values()
        for code, name in names.items()
    ]
    return "\n".join(["Unique index   -   Track name   -   Label name", "", *lines]) + "\n"


def columns_text() -> str:
    """`column_names.txt`: what each of the 250 columns is; body-worn ones are not simulated."""
    names = {1: "MILLISEC"}
    names |= {column: f"BODY-WORN {column} (not simulated)" for column in range(2, FIRST_AMBIENT)}
    names |= {column: f"{name}; unit = {unit}" for name, (column, unit) in ambient_columns(deckchair=True).items()}
    for index in range(FIRST_LABEL - FIRST_TAG):
        names[FIRST_TAG + index] = f"LOCATION TAG{index // 3 + 1} {'XYZ'[index % 3]}; unit = millimetres"
    names |= {column: title for column, title, _ in LABEL_TRACKS.values()}
    return "Data columns:\n\n" + "".join(f"Column: {column} {names[column]}\n" for column in sorted(names))


def recording_paths(root: Path, recording: str, *, layout: str) -> tuple[Path, Path, Path | None]:
    """Sensor file, video and folder of the tracks; UCI's layout has everything in the root and no tracks."""
    if layout == "uci":
        return root / f"{recording}.dat", root / f"{recording}.mp4", None
    folder = root / "data" / recording
    return folder / f"{recording}_sensors_data.txt", folder / f"{recording}.mp4", folder


def write_tracks(folder: Path, recording: str, tracks: Tracks) -> list[Path]:
    """Write each track's .srt file; the paths."""
    written = []
    for track, (_, _, names) in LABEL_TRACKS.items():
        path = folder / f"{recording}_{track}.srt"
        write_text(path, track_text(tracks[track], names))
        written.append(path)
    return written
