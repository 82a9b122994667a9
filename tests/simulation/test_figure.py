from __future__ import annotations

import dataclasses

import numpy as np

from detach_core.simulation.figure import Figure
from detach_core.simulation.opportunity_home import opportunity_home
from detach_core.simulation.projection import Projection
from detach_core.simulation.scene import Scene
from detach_core.simulation.skeleton import sample_motion


def _drawn(home, trace, *, size=(320, 240)):
    """Where the person (shirt to shoes, no shadow) changes the picture, and the picture."""
    scene = Scene(home, *size)
    figure = Figure(sample_motion(trace, np.array([0.5])), trace.person, scene.projection)
    frame = scene.image.copy()
    figure.draw(frame, 0, scene.depth)
    return (np.abs(frame.astype(int) - scene.image) > 45).any(axis=-1), frame


def test_feet_project_at_the_persons_place(hand_made_trace):
    home = opportunity_home()
    projection = Projection(home.camera, 320, 240)
    for place in ((4.0, 3.0), (2.2, 3.4), (5.5, 2.0)):
        changed, _ = _drawn(home, hand_made_trace(home, position=place))
        column, row = projection.project(np.array([[*place, 0.0]]))[0]
        lowest = np.argwhere(changed)[:, 0].max()
        assert abs(lowest - row) < 7
        near_feet = np.argwhere(changed[int(row) - 6 : int(row) + 2])[:, 1]
        assert abs(near_feet.mean() - column) < 5


def test_a_tall_person_reaches_higher(hand_made_trace):
    home = opportunity_home()
    trace = hand_made_trace(home)
    tops = []
    for height_m in (1.55, 1.95):
        person = dataclasses.replace(trace.person, height_m=height_m)
        tops.append(np.argwhere(_drawn(home, dataclasses.replace(trace, person=person))[0])[:, 0].min())
    assert tops[1] < tops[0] - 5


def test_furniture_before_a_person_hides_their_legs_only(hand_made_trace, home_with_table, plain_home):
    behind = {"position": (2.0, 2.6)}
    free, _ = _drawn(plain_home, hand_made_trace(plain_home, **behind))
    partly, _ = _drawn(home_with_table, hand_made_trace(home_with_table, **behind))
    projection = Projection(plain_home.camera, 320, 240)
    rows = [int(projection.project(np.array([[2.0, 2.6, height]]))[0, 1]) for height in (1.5, 0.3)]
    assert partly[rows[0]].sum() == free[rows[0]].sum()
    assert free[rows[1]].sum() > 0
    assert partly[rows[1]].sum() == 0


def test_a_person_before_furniture_hides_it(hand_made_trace, home_with_table):
    changed, _ = _drawn(home_with_table, hand_made_trace(home_with_table, position=(2.0, 1.35)))
    projection = Projection(home_with_table.camera, 320, 240)
    column, row = projection.project(np.array([[2.0, 1.35, 1.2]]))[0].round().astype(int)
    assert changed[row, column]


def test_the_head_shows_hair_from_behind_and_a_face_from_the_front(hand_made_trace, plain_home):
    skin = []
    for heading in (np.pi / 2, -np.pi / 2):
        trace = hand_made_trace(plain_home, heading=heading, position=(2.0, 2.2))
        _, frame = _drawn(plain_home, trace)
        top = np.argwhere(_drawn(plain_home, trace)[0])[:, 0].min()
        skin.append(
            int((frame[top : top + 20, 100:220, 2] > 180).sum() - (frame[top : top + 20, 100:220, 0] > 180).sum())
        )
    assert skin[1] > skin[0] + 20


def test_a_person_outside_the_picture_changes_nothing(hand_made_trace):
    home = opportunity_home()
    scene = Scene(home, 160, 120)
    trace = hand_made_trace(home, position=(0.2, 0.2))
    frame = scene.image.copy()
    Figure(sample_motion(trace, np.array([0.5])), trace.person, scene.projection).draw(frame, 0, scene.depth)
    assert (frame == scene.image).mean() > 0.6
