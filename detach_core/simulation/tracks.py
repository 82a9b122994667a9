"""The label tracks of an Opportunity-like recording: gestures, low-level arms, locomotion, high-level activities."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from detach_core.simulation.routine import Interval, Performance
from detach_core.simulation.trace import Trace

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
    """What ML_Both_Arms holds: handling of fixtures and the gestures without one, in time."""
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
