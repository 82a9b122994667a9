from __future__ import annotations

import numpy as np
import pytest

from detach_core.simulation.background import box_surfaces, paint_room
from detach_core.simulation.home import Box
from detach_core.simulation.hwu_home import hwu_home
from detach_core.simulation.opportunity_home import opportunity_home
from detach_core.simulation.projection import Projection


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
