"""Recordings of the Opportunity-like home: label tracks, native text files, sensors and video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from detach_core.contracts.recording import write_truth
from detach_core.datasets.opportunity.text import (
    DECKCHAIR,
    FIXTURES,
    GESTURES,
    LABEL_COLUMN,
    NUM_COLUMNS,
    ambient_columns,
    fixture_of_gesture,
)
from detach_core.foundation.files import write_text
from detach_core.simulation.camera import render_video
from detach_core.simulation.home import Home
from detach_core.simulation.opportunity.layout import opportunity_home
from detach_core.simulation.opportunity.routine import opportunity_routine
from detach_core.simulation.opportunity.sensors import (
    deckchair_force,
    reed_switches,
    tag_positions,
    true_acceleration,
    with_faults,
)
from detach_core.simulation.opportunity.settings import OpportunityHomeSettings
from detach_core.simulation.performance import perform
from detach_core.simulation.registry import NativeFiles
from detach_core.simulation.trace import (
    Array,
    Interval,
    Performance,
    Trace,
    annotated,
    contact_levels,
    draw_person,
    generator_for,
    handled_fixture,
    hold,
    read_times,
    truth_arrays,
)

Tracks = dict[str, list[Interval]]

LOCOMOTION = {1: "Stand", 2: "Walk", 4: "Sit", 5: "Lie"}

ACTIVITIES = {101: "Relaxing", 102: "Coffee time", 103: "Early morning", 104: "Cleanup", 105: "Sandwich time"}


# Low-level verbs and objects; the left arm's codes start at 200 and 300, the right arm's at 400 and 500.
VERBS = {4: "close", 5: "reach", 6: "open", 7: "sip", 8: "clean", 12: "release", 13: "move"}

OBJECTS = {
    5: "Dishwasher",
    6: "Switch",
    8: "Drawer3 (lower)",
    11: "Drawer2 (middle)",
    12: "Table",
    16: "Door1",
    17: "Door2",
    19: "Drawer1 (top)",
    20: "Fridge",
    21: "Cup",
}

_OBJECT_OF = {"Drawer 1": 19, "Drawer 2": 11, "Drawer 3": 8, "Door 1": 16, "Door 2": 17, "Fridge": 20, "Dishwasher": 5}

_GESTURE = {"Toggle Switch": (13, 6), "Clean Table": (8, 12), "Drink from Cup": (7, 21)}


# Reaching and releasing as annotators see them, before and after the handling (s).
REACH_S, RELEASE_S = 0.35, 0.3


def gesture_intervals(performance: Performance) -> list[Interval]:
    """Intervals of ML_Both_Arms: handling of fixtures and the gestures without one, in time."""
    handled = [Interval(action.start_s, action.end_s, action.label) for action in performance.trace.actions]
    return sorted([*handled, *performance.gestures], key=lambda interval: interval.start_s)


def other_tracks(performance: Performance, gestures: list[Interval]) -> Tracks:
    """Track name -> intervals, for all tracks but ML_Both_Arms; arms follow the annotated `gestures`."""
    verbs, objects = arm_intervals(gestures)
    side = "right" if performance.trace.person.right_handed else "left"
    tracks: Tracks = {"locomotion": locomotion(performance.trace), "hl_activity": _merged(performance.activities)}
    for arm in ("left", "right"):
        tracks[f"{arm}_arm"] = verbs if arm == side else []
        tracks[f"{arm}_arm_object"] = objects if arm == side else []
    return tracks


def arm_intervals(gestures: list[Interval]) -> tuple[list[Interval], list[Interval]]:
    """Verbs and objects of the active arm: reach, open or close or another verb, release."""
    verbs: list[Interval] = []
    objects: list[Interval] = []
    for gesture in gestures:
        verb, _, fixture = gesture.label.partition(" ")
        if gesture.label in _GESTURE:
            number, thing = _GESTURE[gesture.label]
            verb = VERBS[number]
        else:
            verb, thing = verb.lower(), _OBJECT_OF[fixture]
        begin = max(gesture.start_s - REACH_S, verbs[-1].end_s if verbs else 0.0)
        if begin < gesture.start_s:
            verbs.append(Interval(begin, gesture.start_s, "reach"))
        verbs.append(Interval(gesture.start_s, gesture.end_s, verb))
        objects.append(Interval(begin, gesture.end_s, OBJECTS[thing]))
    return verbs, objects


def locomotion(trace: Trace) -> list[Interval]:
    """Stand, walk, sit, lie over the whole recording."""
    # The deckchair is lain on: it stands in the room's far half, the chair in the near one.
    code = np.where(trace.walking > 0.5, 2, 1)
    code = np.where(trace.posture > 0.5, np.where(trace.person_xy_m[:, 0] > 4, 5, 4), code)
    edges = [0, *(np.flatnonzero(np.diff(code)) + 1), len(code)]
    time_s = np.append(trace.time_s, trace.time_s[-1])
    return [Interval(float(time_s[a]), float(time_s[b]), LOCOMOTION[int(code[a])]) for a, b in pairwise(edges)]


def _merged(intervals: tuple[Interval, ...]) -> list[Interval]:
    found: list[Interval] = []
    for interval in intervals:
        if found and found[-1].label == interval.label:
            found[-1] = Interval(found[-1].start_s, interval.end_s, interval.label)
        else:
            found.append(interval)
    return found


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


NAME = "opportunity"


class OpportunitySimulation:
    """Simulation of the Opportunity-like home's recordings; each depends on (home, subject, take, seed) alone."""

    def __init__(self, knobs: OpportunityHomeSettings, *, native: NativeFiles, classes: Sequence[str]) -> None:
        self.knobs = knobs
        self.home = _home()
        self._sensor_hz, self._video_hz = native.sensor_hz, native.video_hz
        wanted = {fixture_of_gesture(label) for label in classes}
        self._fixtures = [name for name in self.home.fixtures if name in wanted]

    def perform(self, recording: str) -> Performance:
        """The performance of `recording`, whose id is `<subject>-<take>`."""
        knobs = self.knobs
        subject, _, take = recording.partition("-")
        person = draw_person(generator_for(knobs.seed, NAME, subject, "person"))
        generator = generator_for(knobs.seed, NAME, subject, take, "routine")
        spread = 1 + knobs.routine.length_spread * float(generator.uniform(-1, 1))
        visits = opportunity_routine(
            knobs.takes[take],
            fixtures=self._fixtures,
            routine=knobs.routine,
            handling=knobs.handling,
            generator=generator,
        )
        return perform(
            visits,
            home=self.home,
            recording_id=recording,
            person=person,
            length_s=knobs.takes[take].length_s * spread,
            handling=knobs.handling,
            distractors=knobs.distractors,
            generator=generator,
        )

    def sensors(self, trace: Trace) -> tuple[Array, dict[str, Array], Array]:
        """Sample times (T,), the 37 ambient channels by name, the tags' positions (T, 12)."""
        knobs, rate_hz = self.knobs, trace.rate_hz

        def generator(purpose: str) -> np.random.Generator:
            return generator_for(knobs.seed, NAME, trace.recording_id, purpose)

        time_s = np.arange(int(np.floor(trace.duration_s * self._sensor_hz)) + 1) / self._sensor_hz
        ambient: dict[str, Array] = {}
        clock = read_times(time_s, knobs.clocks, generator("switch clock"))
        for contact in reed_switches(self.home, seed=knobs.seed, drawers=knobs.drawers.switches):
            draws = generator(f"switch {contact.name}")
            opening = contact.opening(trace.opening)
            levels = contact_levels(contact, opening, rate_hz=rate_hz, faults=knobs.switches, generator=draws)
            ambient[f"REED SWITCH {contact.name}"] = hold(levels, rate_hz, clock).astype(np.float64)
        clock = read_times(time_s, knobs.clocks, generator("accelerometer clock"))
        draws = generator("accelerometers")
        felt = true_acceleration(
            trace,
            self.home,
            knobs.accelerometers,
            seed=knobs.seed,
            generator=draws,
            drawers=knobs.drawers,
        )
        by_word = {word: felt[name] for name, word in FIXTURES.items()}
        near = (np.linalg.norm(trace.person_xy_m - np.array(self.home.places["deckchair"]), axis=1) < 0.7).astype(float)
        by_word[DECKCHAIR] = deckchair_force(trace.posture, near, rate_hz, draws)
        for word, signal in by_word.items():
            sampled = hold(signal, rate_hz, clock)
            read = with_faults(
                sampled, rate_hz=self._sensor_hz, knobs=knobs.accelerometers, generator=generator(f"faults {word}")
            )
            ambient |= {f"Accelerometer {word} acc{axis}": read[:, i] for i, axis in enumerate("XYZ")}
        clock = read_times(time_s, knobs.clocks, generator("tag clock"))
        return time_s, ambient, tag_positions(trace, clock, knobs.tags, generator("tags"))

    def tracks(self, performance: Performance) -> Tracks:
        """All label tracks, with annotators' errors."""
        trace = performance.trace
        gestures = annotated(
            gesture_intervals(performance),
            until_s=trace.duration_s,
            label_jitter_s=self.knobs.clocks.label_jitter_s,
            generator=generator_for(self.knobs.seed, NAME, trace.recording_id, "annotation"),
        )
        return {"ml_both_arms": gestures, **other_tracks(performance, gestures)}

    def write(self, recording: str, root: Path) -> list[Path]:
        """Simulate `recording` and write its files below `root`; their paths."""
        performance = self.perform(recording)
        trace, tracks = performance.trace, self.tracks(performance)
        time_s, ambient, tags = self.sensors(trace)
        sensor_path, video_path, folder = recording_paths(root, recording, layout=self.knobs.layout)
        write_text(sensor_path, sensor_text(time_s, ambient, tags, tracks))
        written = [sensor_path, video_path, root / "truth" / f"{recording}.h5"]
        written += [] if folder is None else write_tracks(folder, recording, tracks)
        render_video(
            trace,
            self.home,
            video_path,
            rate_hz=self._video_hz,
            settings=self.knobs.video,
            generator=generator_for(self.knobs.seed, NAME, recording, "video"),
        )
        names = list(self.home.fixtures)
        write_truth(
            written[2],
            sensor_hz=self._sensor_hz,
            location=handled_fixture(trace, time_s, names),
            location_names=names,
            extra=truth_arrays(trace, time_s),
        )
        return written

    def write_shared(self, root: Path) -> None:
        """Write the two files that all recordings share; their content does not depend on the recording."""
        write_text(root / "label_legend.txt", legend_text())
        write_text(root / "column_names.txt", columns_text())


@lru_cache(maxsize=1)
def _home() -> Home:
    return opportunity_home()
