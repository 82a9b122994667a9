from __future__ import annotations

import numpy as np

from detach_core.simulation.opportunity_home import opportunity_home
from detach_core.simulation.projection import Projection

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
