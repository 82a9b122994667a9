from __future__ import annotations

import numpy as np
import pytest

from detach_core.simulation.home import Camera
from detach_core.simulation.projection import Projection
from detach_core.simulation.surfaces import Canvas, Surface, cross


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
