from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from detach_core.simulation.opportunity.layout import opportunity_home
from detach_core.simulation.person_drawing import PersonDrawing, joints, sample_body_motion, two_bone
from detach_core.simulation.scene import Scene
from detach_core.simulation.surfaces import Projection


def _joints(trace, times=(0.5,)):
    return joints(
        sample_body_motion(trace, np.asarray(times)), trace.person.height_m, right_handed=trace.person.right_handed
    )


def test_two_bones_keep_their_lengths_and_reach_what_can_be_reached():
    rng = np.random.default_rng(0)
    start, pole = rng.normal(size=(50, 3)), rng.normal(size=(50, 3))
    way = rng.normal(size=(50, 3))
    target = start + way / np.linalg.norm(way, axis=1, keepdims=True) * rng.uniform(0.1, 0.65, (50, 1))
    middle, end = two_bone(start, target, 0.35, 0.31, pole)
    np.testing.assert_allclose(end, target, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(middle - start, axis=1), 0.35, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(end - middle, axis=1), 0.31, atol=1e-9)


def test_a_limb_stretches_towards_what_is_too_far():
    start, target = np.zeros((1, 3)), np.array([[2.0, 0.0, 0.0]])
    _, end = two_bone(start, target, 0.3, 0.3, np.array([[0.0, 0.0, 1.0]]))
    np.testing.assert_allclose(end, [[0.599, 0.0, 0.0]], atol=1e-9)


def test_feet_stand_at_the_persons_place_and_the_head_at_their_height(hand_made_trace):
    points = _joints(hand_made_trace(opportunity_home(), position=(3.1, 2.2), heading=0.7))
    feet = (points["left heel"] + points["left toe"] + points["right heel"] + points["right toe"])[0] / 4
    assert np.hypot(*(feet[:2] - (3.1, 2.2))) < 0.08
    assert feet[2] < 0.06
    assert 1.55 < points["head"][0, 2] < 1.72


def test_the_active_hand_is_where_the_trace_says(hand_made_trace):
    hand = (3.5, 2.0, 1.0)
    trace = hand_made_trace(opportunity_home(), position=(3.0, 2.0), hand=hand)
    np.testing.assert_allclose(_joints(trace)["right hand"][0], hand, atol=0.01)
    assert np.linalg.norm(_joints(trace)["left hand"][0] - hand) > 0.3


def test_low_handles_are_reached_by_bending(hand_made_trace):
    hand = (3.6, 2.0, 0.31)
    bent = _joints(hand_made_trace(opportunity_home(), position=(3.0, 2.0), hand=hand, bend=0.9))
    np.testing.assert_allclose(bent["right hand"][0], hand, atol=0.03)
    assert bent["head"][0, 2] < 1.35
    assert bent["head"][0, 0] > bent["pelvis"][0, 0] + 0.2


def test_a_seated_persons_hips_are_on_the_seat(hand_made_trace):
    points = _joints(hand_made_trace(opportunity_home(), posture=1.0))
    assert 0.4 < points["pelvis"][0, 2] < 0.6
    assert points["right toe"][0, 0] > points["pelvis"][0, 0] + 0.3


def test_walking_swings_the_legs_against_each_other(hand_made_trace):
    trace = hand_made_trace(opportunity_home(), walking=1.0, duration_s=2.0)
    points = _joints(trace, np.arange(40) / 20)
    left, right = points["left ankle"][:, 0], points["right ankle"][:, 0]
    assert np.corrcoef(left, right)[0, 1] < -0.9
    assert left.max() - left.min() > 0.3


def test_the_arm_rises_shortly_before_the_hand_is_at_the_handle(hand_made_trace):
    trace = hand_made_trace(opportunity_home(), duration_s=2.0, position=(3.0, 2.0), hand=(3.5, 2.0, 1.0))
    trace.hand_m[:20] = np.nan
    away = np.linalg.norm(_joints(trace, (0.3, 0.8, 0.95, 1.2))["right hand"] - (3.5, 2.0, 1.0), axis=1)
    assert away[0] > away[1] > away[2] > away[3]
    assert away[3] == pytest.approx(0.0, abs=0.01)


def test_a_gesture_moves_the_hand_without_a_fixture(hand_made_trace):
    moving = _joints(hand_made_trace(opportunity_home(), duration_s=4.0, gesture=1.0), np.arange(80) / 20)["right hand"]
    still = _joints(hand_made_trace(opportunity_home(), duration_s=4.0), np.arange(80) / 20)["right hand"]
    assert moving.std(axis=0).max() > 0.05
    assert still.std(axis=0).max() < 1e-9


def _drawn(home, trace, *, size=(320, 240)):
    """Where the person (shirt to shoes, no shadow) changes the picture, and the picture."""
    scene = Scene(home, *size)
    figure = PersonDrawing(sample_body_motion(trace, np.array([0.5])), trace.person, scene.projection)
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
    PersonDrawing(sample_body_motion(trace, np.array([0.5])), trace.person, scene.projection).draw(
        frame, 0, scene.depth
    )
    assert (frame == scene.image).mean() > 0.6
