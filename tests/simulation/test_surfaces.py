from __future__ import annotations

import numpy as np
import pytest

from detach_core.simulation import surfaces
from detach_core.simulation.home import Box, Camera
from detach_core.simulation.opportunity.layout import opportunity_home
from detach_core.simulation.surfaces import Canvas, Projection, Surface, cross

POINTS = np.array([[2.2, 4.6, 0.5], [4.6, 4.6, 0.8], [6.6, 2.5, 1.0], [3.4, 1.9, 0.0]])


def test_a_point_lands_where_the_lens_formula_says():
    camera = opportunity_home().camera
    projection = Projection(camera, 160, 120)
    k1, k2 = camera.distortion[:2]
    for point, pixel in zip(POINTS, projection.project(POINTS), strict=True):
        x, y, z = projection.rotation @ (point - np.asarray(camera.position))
        x, y = x / z, y / z
        squared = x * x + y * y
        bent = 1 + k1 * squared + k2 * squared**2
        expected = (x * bent * camera.focal * 160 + 79.5, y * bent * camera.focal * 160 + 59.5)
        np.testing.assert_allclose(pixel, expected, atol=1e-9)


def test_what_the_camera_looks_at_is_in_the_middle_and_up_is_up():
    camera = opportunity_home().camera
    projection = Projection(camera, 160, 120)
    middle = np.asarray(camera.look_at)
    np.testing.assert_allclose(projection.project(middle[None])[0], (79.5, 59.5), atol=1e-9)
    above = projection.project(middle[None] + (0.0, 0.0, 0.3))[0]
    assert above[1] < 55
    assert abs(above[0] - 79.5) < 1e-6


def test_a_pixels_ray_leads_back_to_the_point():
    projection = Projection(opportunity_home().camera, 160, 120)
    pixels = np.array([[10, 20], [80, 60], [150, 100]])
    for column, row in pixels:
        point = projection.position + 3.7 * projection.rays[row, column].astype(float)
        np.testing.assert_allclose(projection.project(point[None])[0], (column, row), atol=2e-3)
        assert abs(projection.depth(point[None])[0] - 3.7) < 1e-5


def test_sizes_show_the_same_room():
    camera = opportunity_home().camera
    small, large = Projection(camera, 160, 120).project(POINTS), Projection(camera, 640, 480).project(POINTS)
    np.testing.assert_allclose((small + 0.5) * 4, large + 0.5, atol=1e-9)


def test_a_region_holds_its_points_and_keeps_its_grid():
    projection = Projection(opportunity_home().camera, 480, 360)
    top, bottom, left, right = projection.region(POINTS[:2], align=3)
    for column, row in projection.project(POINTS[:2]):
        assert left <= column < right
        assert top <= row < bottom
    assert all(edge % 3 == 0 for edge in (top, bottom, left, right))


def test_a_region_with_a_point_behind_the_camera_is_the_whole_picture():
    projection = Projection(opportunity_home().camera, 160, 120)
    assert projection.region(np.array([[0.0, 0.0, 2.9], [3.0, 3.0, 1.0]])) == (0, 120, 0, 160)


@pytest.fixture
def canvas():
    return Canvas(Projection(Camera((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), 1.0, (0.0, 0.0, 0.0, 0.0)), 100, 80))


def _square(distance, size, colour):
    origin = np.array([-size / 2, distance, -size / 2])
    return Surface(origin, np.array([size, 0.0, 0.0]), np.array([0.0, 0.0, size]), colour, None, 1.0)


def test_a_square_covers_as_many_pixels_as_its_size_over_its_distance(canvas):
    canvas.draw(_square(2.0, 1.0, (10, 200, 10)))
    green = canvas.image[..., 1] == 200
    assert green.sum() == 50 * 50
    np.testing.assert_allclose(canvas.depth[green], 2.0, atol=1e-6)
    assert (canvas.depth[~green] == 1.0e3).all()


@pytest.mark.parametrize("near_first", [True, False])
def test_the_nearer_of_two_squares_is_seen_in_any_order(canvas, near_first):
    squares = [_square(2.0, 0.4, (0, 0, 255)), _square(4.0, 2.0, (255, 0, 0))]
    for square in squares if near_first else squares[::-1]:
        canvas.draw(square)
    assert canvas.image[40, 50].tolist() == [0, 0, 255]
    assert canvas.image[40, 65].tolist() == [255, 0, 0]


def test_nothing_is_drawn_outside_its_region_or_mask(canvas):
    mask = np.zeros((10, 10), bool)
    mask[2, 3] = True
    canvas.draw(_square(2.0, 1.0, (0, 0, 255)), within=(35, 45, 45, 55), mask=mask)
    assert np.argwhere(canvas.image[..., 2] > 0).tolist() == [[37, 48]]


def test_a_square_behind_the_camera_is_not_seen(canvas):
    canvas.draw(_square(-2.0, 1.0, (0, 0, 255)))
    assert not canvas.image.any()


def test_a_texture_is_given_metres_along_the_surface(canvas):
    seen = {}

    def texture(u, v):
        seen["u"], seen["v"] = u, v
        return np.ones_like(u)

    square = _square(2.0, 1.0, (0, 0, 100))
    canvas.draw(Surface(square.origin, square.width, square.height, (0, 0, 100), texture, 1.0))
    assert seen["u"].min() == pytest.approx(0.01, abs=1e-4)
    assert seen["v"].max() == pytest.approx(0.99, abs=1e-4)


def test_the_cross_product_is_numpys():
    one, other = np.array([1.0, -2.0, 0.3]), np.array([0.2, 5.0, -1.0])
    np.testing.assert_allclose(cross(one, other), np.cross(one, other))


GRID = np.meshgrid(np.linspace(0, 2, 201, dtype=np.float32), np.linspace(0, 2, 201, dtype=np.float32), indexing="ij")


@pytest.mark.parametrize("name", ["plaster", "wood", "stone", "cloth", "folds", "outdoors"])
def test_a_texture_varies_around_a_middling_gain(name):
    gain = getattr(surfaces, name)(*GRID)
    assert gain.shape == GRID[0].shape
    assert gain.dtype == np.float32
    assert 0.1 < gain.min() < gain.max() < 2.0
    assert gain.std() > 0.01


def test_joints_between_tiles_are_dark_lines():
    gain = surfaces.floor_tiles((), tile_m=0.5)(*GRID)
    assert gain[:1].mean() < gain[25].mean() - 0.1


def test_the_floor_is_darker_beside_furniture():
    box = Box("box", (0.9, 0.9, 0.0), (1.1, 1.1, 0.5), (1, 1, 1))
    bare, shaded = surfaces.floor_tiles((), tile_m=0.5)(*GRID), surfaces.floor_tiles((box,), tile_m=0.5)(*GRID)
    assert shaded[88, 100] < 0.9 * bare[88, 100]
    assert shaded[5, 5] == pytest.approx(bare[5, 5], rel=1e-3)


def test_a_front_has_dark_edges_and_a_handle_where_it_is_asked_for():
    u, v = GRID[0] * 0.3, GRID[1] * 0.3
    gain = surfaces.panel(0.6, 0.6, handle_uv=(0.5, 0.9), upright=False)(u, v)
    assert gain[0, 100] < 0.6
    assert gain[100, 180] < 0.4
    assert gain[100, 100] > 0.9
    assert gain[110, 180] < 0.4
    assert gain[100, 165] > 0.9


def test_a_glazed_door_is_a_dark_frame_around_a_bright_pane():
    gain = surfaces.glazed_door(1.0, 2.0)(GRID[0] * 0.5, GRID[1])
    assert gain[2, 100] == 1.0
    assert gain[100, 150] > 2.0
