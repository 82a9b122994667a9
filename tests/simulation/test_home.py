from __future__ import annotations

import itertools

import numpy as np
import pytest

from detach_core.simulation.home import Fixture, PathPlanner, path_length_m, rotate_about, walk, walking_time_s
from detach_core.simulation.opportunity.layout import opportunity_home


def fixture(motion, edge, travel):
    return Fixture(
        name="f",
        motion=motion,
        origin=(1.0, 2.0, 0.5),
        width=(0.6, 0.0, 0.0),
        height=(0.0, 0.0, 0.8),
        travel=travel,
        hinge_edge=edge,
        handle_uv=(0.5, 0.9),
        stand_xy=(1.3, 1.2),
        colour_bgr=(255, 255, 255),
    )


def test_the_normal_points_out_of_the_front():
    assert np.allclose(fixture("slide", None, 0.4).normal, [0.0, -1.0, 0.0])


def test_a_drawer_slides_along_its_normal():
    drawer = fixture("slide", None, 0.4)
    assert np.allclose(drawer.handle(0.0), [1.3, 2.0, 1.22])
    assert np.allclose(drawer.handle(0.5), [1.3, 1.8, 1.22])


def test_a_flap_falls_outwards_about_its_bottom_edge():
    flap = fixture("hinge", "v0", np.pi / 2)
    assert np.allclose(flap.points(np.array([[0.5, 1.0]]), 1.0)[0], [1.3, 2.0 - 0.8, 0.5])
    assert np.allclose(flap.points(np.array([[0.5, 0.0]]), 1.0)[0], [1.3, 2.0, 0.5])


@pytest.mark.parametrize("edge", ["u0", "u1"])
def test_a_door_swings_into_the_room_about_its_edge(edge):
    door = fixture("hinge", edge, np.pi / 2)
    hinge_u, free_u = (0.0, 1.0) if edge == "u0" else (1.0, 0.0)
    assert np.allclose(door.points(np.array([[hinge_u, 0.3]]), 1.0), door.points(np.array([[hinge_u, 0.3]]), 0.0))
    free = door.points(np.array([[free_u, 0.0]]), 1.0)[0]
    assert np.allclose(free, [1.0 + 0.6 * hinge_u, 2.0 - 0.6, 0.5])


def test_turning_keeps_distances_to_the_axis():
    generator = np.random.default_rng(0)
    points = generator.normal(size=(5, 3))
    turned = rotate_about(points, pivot=np.zeros(3), axis=np.array([0.0, 0.0, 1.0]), angle=1.1)
    assert np.allclose(np.linalg.norm(points, axis=1), np.linalg.norm(turned, axis=1))
    assert np.allclose(points[:, 2], turned[:, 2])


def _collides(path, home):
    dense = np.concatenate([np.linspace(a, b, 200) for a, b in itertools.pairwise(path)])
    for box in home.boxes:
        if box.solid:
            inside = (dense > np.array(box.low[:2]) + 1e-9) & (dense < np.array(box.high[:2]) - 1e-9)
            if inside.all(axis=1).any():
                return True
    return False


def test_every_way_between_the_places_of_the_room_is_free_of_furniture():
    home = opportunity_home()
    planner = PathPlanner(home)
    for start in home.places.values():
        for end in home.places.values():
            path = planner.path(start, end)
            assert not _collides(path, home), (start, end)
            assert tuple(path[0]) == start
            assert tuple(path[-1]) == end


def test_a_block_in_the_way_is_walked_around_by_the_shorter_side(home_with_table):
    path = PathPlanner(home_with_table).path((1.7, 0.6), (1.7, 2.8))
    assert len(path) == 4
    assert path[1:3, 0].max() < 1.4
    assert path_length_m(path) < 3.2
    straight = PathPlanner(home_with_table).path((0.3, 0.6), (0.3, 2.8))
    assert len(straight) == 2


def test_where_no_way_is_left_the_path_is_straight(home_with_table):
    inside = (2.0, 1.75)
    assert len(PathPlanner(home_with_table).path((1.0, 0.5), inside)) == 2


def test_a_walk_goes_the_whole_path_and_starts_and_ends_slowly():
    path = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]])
    assert path_length_m(path) == 7.0
    assert walking_time_s(path, 1.4) == pytest.approx(5.4)
    place, heading, pace = walk(path, 540, 100.0)
    assert place[-1] == pytest.approx([3.0, 4.0])
    speed = np.linalg.norm(np.diff(place, axis=0), axis=1) * 100
    assert speed[:3].max() < 0.15
    assert np.median(speed) == pytest.approx(1.4, rel=0.02)
    assert pace.max() == 1.0
    assert heading[100] == 0.0
    assert heading[400] == pytest.approx(np.pi / 2)


def test_standing_still_takes_no_time():
    assert walking_time_s(np.array([[1.0, 1.0], [1.0, 1.0]]), 1.0) == 0.0
