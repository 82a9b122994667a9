from __future__ import annotations

import numpy as np
import pytest

from detach_core.simulation import textures
from detach_core.simulation.home import Box

GRID = np.meshgrid(np.linspace(0, 2, 201, dtype=np.float32), np.linspace(0, 2, 201, dtype=np.float32), indexing="ij")


@pytest.mark.parametrize("name", ["plaster", "wood", "stone", "cloth", "folds", "outdoors"])
def test_a_texture_varies_around_a_middling_gain(name):
    gain = getattr(textures, name)(*GRID)
    assert gain.shape == GRID[0].shape
    assert gain.dtype == np.float32
    assert 0.1 < gain.min() < gain.max() < 2.0
    assert gain.std() > 0.01


def test_joints_between_tiles_are_dark_lines():
    gain = textures.floor_tiles((), tile_m=0.5)(*GRID)
    assert gain[:1].mean() < gain[25].mean() - 0.1


def test_the_floor_is_darker_beside_furniture():
    box = Box("box", (0.9, 0.9, 0.0), (1.1, 1.1, 0.5), (1, 1, 1))
    bare, shaded = textures.floor_tiles((), tile_m=0.5)(*GRID), textures.floor_tiles((box,), tile_m=0.5)(*GRID)
    assert shaded[88, 100] < 0.9 * bare[88, 100]
    assert shaded[5, 5] == pytest.approx(bare[5, 5], rel=1e-3)


def test_a_front_has_dark_edges_and_a_handle_where_it_is_asked_for():
    u, v = GRID[0] * 0.3, GRID[1] * 0.3
    gain = textures.panel(0.6, 0.6, handle_uv=(0.5, 0.9), upright=False)(u, v)
    assert gain[0, 100] < 0.6
    assert gain[100, 180] < 0.4
    assert gain[100, 100] > 0.9
    assert gain[110, 180] < 0.4
    assert gain[100, 165] > 0.9


def test_a_glazed_door_is_a_dark_frame_around_a_bright_pane():
    gain = textures.glazed_door(1.0, 2.0)(GRID[0] * 0.5, GRID[1])
    assert gain[2, 100] == 1.0
    assert gain[100, 150] > 2.0
