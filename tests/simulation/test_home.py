import numpy as np
import pytest

from detach_core.simulation.home import Fixture, rotate_about


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
