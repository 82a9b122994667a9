from __future__ import annotations

import cv2
import numpy as np
import pytest

from detach_core.simulation.furniture import box_surfaces, draw_fixture, fixture_region, leaf_corners, paint_room
from detach_core.simulation.home import Box
from detach_core.simulation.hwu_usp.layout import hwu_home
from detach_core.simulation.opportunity.layout import opportunity_home
from detach_core.simulation.surfaces import Projection


@pytest.mark.parametrize("home", [opportunity_home(), hwu_home()], ids=["opportunity", "hwu"])
def test_every_pixel_shows_something_of_the_room(home):
    canvas = paint_room(home, Projection(home.camera, 160, 120))
    assert canvas.depth.max() < 12.0
    assert (canvas.image.max(axis=-1) > 5).all()
    points = canvas.projection.position + canvas.depth[..., None] * canvas.projection.rays
    assert (points >= -1e-3).all()
    assert (points <= np.asarray(home.size) + 1e-3).all()


def test_a_block_hides_the_floor_behind_it(home_with_table, plain_home):
    projection = Projection(plain_home.camera, 160, 120)
    empty, full = paint_room(plain_home, projection), paint_room(home_with_table, projection)
    column, row = projection.project(np.array([[2.0, 1.6, 0.9]]))[0].round().astype(int)
    assert full.depth[row, column] == pytest.approx(projection.depth(np.array([[2.0, 1.6, 0.9]]))[0], abs=0.03)
    assert empty.depth[row, column] > full.depth[row, column] + 0.3


def test_only_faces_towards_the_viewer_are_drawn():
    box = Box("box", (1.0, 1.0, 0.0), (2.0, 2.0, 1.0), (9, 9, 9))
    faces = box_surfaces(box, texture=None, viewpoint=np.array([0.0, 1.5, 3.0]))
    normals = {int(np.argmax(np.abs(np.cross(face.width, face.height)))) for face in faces}
    assert len(faces) == 2
    assert normals == {0, 2}


HOMES = {"opportunity": opportunity_home(), "hwu": hwu_home()}

EVERY = [(key, name) for key, home in HOMES.items() for name in home.fixtures]

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def _pictures(home, names, opening):
    canvas = paint_room(home, Projection(home.camera, 480, 360))
    for name in home.fixtures:
        region = fixture_region(home.fixtures[name], canvas.projection, align=3)
        draw_fixture(canvas, home.fixtures[name], opening if name in names else 0.0, region)
    return canvas


@pytest.mark.parametrize(("key", "name"), EVERY)
def test_opening_changes_pixels_where_the_front_was_or_is_and_hardly_elsewhere(key, name):
    home = HOMES[key]
    fixture = home.fixtures[name]
    closed, opened = _pictures(home, (), 0.0), _pictures(home, (name,), 0.7)
    changed = (closed.image != opened.image).any(axis=-1)
    hull = np.zeros(changed.shape, np.uint8)
    swept = np.concatenate([fixture.points(CORNERS, opening) for opening in np.linspace(0, 0.7, 12)])
    outline = cv2.convexHull(closed.projection.project(swept).round().astype(np.int32))
    cv2.fillPoly(hull, [outline], 1)
    hull = cv2.dilate(hull, np.ones((5, 5), np.uint8))
    assert changed.sum() > 150
    assert changed[hull > 0].sum() > 0.97 * changed.sum()


@pytest.mark.parametrize(("key", "name"), EVERY)
def test_an_open_front_is_drawn_at_the_depth_where_it_stands(key, name):
    home = HOMES[key]
    fixture = home.fixtures[name]
    canvas = _pictures(home, (name,), 0.5)
    # The rim's middle of the free side: where two surfaces meet, depth may be either's within a pixel.
    points = fixture.points(np.array([[0.3, 0.3], [0.7, 0.3], [0.3, 0.7], [0.7, 0.7]]), 0.5)
    pixels = canvas.projection.project(points).round().astype(int)
    inside = (pixels >= 0).all(axis=1) & (pixels < (480, 360)).all(axis=1)
    depth = canvas.depth[pixels[inside, 1], pixels[inside, 0]]
    assert inside.any()
    np.testing.assert_array_less(depth, canvas.projection.depth(points)[inside] + 0.15)
    assert (np.abs(depth - canvas.projection.depth(points)[inside]) < 0.15).any()


def test_a_slide_moves_along_the_fronts_normal_by_its_travel():
    fixture = opportunity_home().fixtures["Drawer 2"]
    closed, _, _ = leaf_corners(fixture, 0.0)
    opened, _, _ = leaf_corners(fixture, 0.5)
    np.testing.assert_allclose(opened - closed, (0.0, -0.21, 0.0), atol=1e-12)


def test_a_hinge_keeps_its_edge_and_its_width():
    fixture = opportunity_home().fixtures["Fridge"]
    origin, width, height = leaf_corners(fixture, 0.6)
    edge = np.array([2.5, 4.6, 0.1])
    np.testing.assert_allclose(origin + width, edge, atol=1e-12)
    np.testing.assert_allclose(height, fixture.height, atol=1e-12)
    assert np.linalg.norm(width) == pytest.approx(0.6)
    angle = np.arccos(width @ np.array(fixture.width) / 0.36)
    assert angle == pytest.approx(0.6 * fixture.travel)
    assert origin[1] < 4.6


def test_a_flap_falls_outwards_about_its_lower_edge():
    fixture = opportunity_home().fixtures["Dishwasher"]
    origin, width, height = leaf_corners(fixture, 1.0)
    np.testing.assert_allclose(origin, fixture.origin, atol=1e-12)
    np.testing.assert_allclose(width, fixture.width, atol=1e-12)
    assert height[1] < -0.7
    assert 0 < height[2] < 0.2


def test_an_open_fridge_is_brighter_and_an_open_cupboard_darker_than_its_front():
    for home, name, sign in ((HOMES["opportunity"], "Fridge", 1), (HOMES["hwu"], "T1_Cupboard", -1)):
        fixture = home.fixtures[name]
        closed, opened = _pictures(home, (), 0.0), _pictures(home, (name,), 1.0)
        # Not the whole opening: its near edge is seen past the leaf only in part.
        points = fixture.points(np.array([[u, v] for u in (0.2, 0.4, 0.6) for v in (0.3, 0.5, 0.7, 0.9)]), 0.0)
        columns, rows = closed.projection.project(points).round().astype(int).T
        difference = opened.image[rows, columns].mean() - closed.image[rows, columns].mean()
        assert difference * sign > 5, (name, difference)
