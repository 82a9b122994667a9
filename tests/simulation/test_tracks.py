from __future__ import annotations

import itertools

from detach_core.simulation.routine import Interval
from detach_core.simulation.tracks import arm_intervals, gesture_intervals, locomotion, other_tracks


def test_gestures_are_all_handlings_and_all_else_that_was_done_in_time(drill):
    gestures = gesture_intervals(drill)
    assert len(gestures) == len(drill.trace.actions) + len(drill.gestures)
    assert all(one.end_s <= other.start_s for one, other in itertools.pairwise(gestures))


def test_locomotion_covers_the_recording_without_gaps(drill):
    track = locomotion(drill.trace)
    assert track[0].start_s == 0.0
    assert track[-1].end_s == drill.trace.duration_s
    assert all(one.end_s == other.start_s for one, other in itertools.pairwise(track))
    assert {"Stand", "Walk"} <= {interval.label for interval in track}


def test_an_arm_reaches_opens_and_holds_the_object_meanwhile():
    verbs, objects = arm_intervals([Interval(5.0, 7.0, "Open Drawer 1"), Interval(7.1, 9.0, "Drink from Cup")])
    assert [interval.label for interval in verbs] == ["reach", "open", "reach", "sip"]
    assert [interval.label for interval in objects] == ["Drawer1 (top)", "Cup"]
    assert verbs[2].start_s == 7.0


def test_the_other_arm_is_idle_and_days_have_phases(demo_performances):
    performance = demo_performances["S2-ADL4"]
    tracks = other_tracks(performance, gesture_intervals(performance))
    arms = {name: tracks[f"{name}_arm"] for name in ("left", "right")}
    active = "right" if performance.trace.person.right_handed else "left"
    assert arms.pop(active)
    assert arms.popitem()[1] == []
    phases = [interval.label for interval in tracks["hl_activity"]]
    assert phases == ["Relaxing", "Early morning", "Coffee time", "Sandwich time", "Cleanup"]
