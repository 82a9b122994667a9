from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from detach_core.contracts.analysis import MAPS, FeatureMaps
from detach_core.evaluation.activation_maps import motion_shares, moving_pixels, on_motion
from detach_core.evaluation.embedding_map import placement
from detach_core.methods.batch import WindowBatch

HEIGHT, WIDTH = 8, 12
ROWS_PX, COLUMNS_PX = np.array([2.0, 5.0]), np.array([1.5, 5.5, 9.5])
ROWS, COLUMNS = placement(ROWS_PX, HEIGHT), placement(COLUMNS_PX, WIDTH)


def moving_right():
    moving = np.zeros((1, HEIGHT, WIDTH), dtype=bool)
    moving[0, :, 9:] = True
    return moving


def test_an_even_map_has_on_moving_pixels_what_they_are_of_the_picture():
    found = on_motion(np.full((1, 2, 3), 7.0), moving_right(), ROWS, COLUMNS)
    assert found.share == pytest.approx(0.25)


def test_a_map_on_the_moving_side_has_more_and_one_on_the_other_side_less():
    towards, away = np.array([[[0.0, 0.0, 1.0]] * 2]), np.array([[[1.0, 0.0, 0.0]] * 2])
    found = [on_motion(cells, moving_right(), ROWS, COLUMNS) for cells in (towards, away)]
    assert found[0].share == pytest.approx(((9 - 5.5) / 4 + 2) / (0.125 + 0.375 + 0.625 + 0.875 + 2), abs=1e-6)
    assert found[1].share == 0.0
    assert [one.peak for one in found] == [True, False]


def test_when_counts_as_well_as_where():
    moving = np.zeros((2, HEIGHT, WIDTH), dtype=bool)
    moving[1] = True
    cells = np.stack([np.zeros((2, 3)), np.ones((2, 3))])
    assert on_motion(cells, moving, ROWS, COLUMNS).share == pytest.approx(1.0)
    assert on_motion(cells[::-1], moving, ROWS, COLUMNS).share == 0.0


def test_a_step_moves_where_any_of_its_changes_is_above_the_limit():
    change = np.zeros((4, 1, 3), dtype=np.uint8)
    change[0, 0, 0], change[2, 0, 1], change[3, 0, 2] = 13, 13, 12
    moving = moving_pixels(change, 12.0, np.array([[0, 1], [1, 3], [3, 4], [0, 4]]))
    assert moving[:, 0].tolist() == [[True, False, False], [False, True, False], [False] * 3, [True, True, False]]


@dataclass
class Fixed:
    """A network whose map is the same in all windows."""

    cells: np.ndarray

    def maps(self, batch):
        cells = np.repeat(self.cells[None], len(batch), axis=0).astype(np.float32)
        span = np.array([[0, 2]]) if cells.shape[1] == 1 else np.array([[0, 1], [1, 2]])
        return FeatureMaps(cells, ROWS_PX, COLUMNS_PX, span)


def test_all_windows_with_motion_are_measured_by_map_and_version():
    towards, away, even = (np.array([[row] * 2], dtype=float) for row in ([0, 0, 1], [1, 0, 0], [1, 1, 1]))
    trained: Any = {
        "baseline": Fixed(away),
        "spatial": Fixed(towards),
        "temporal": Fixed(np.repeat(towards, 2, axis=0)),
    }
    start: Any = {name: Fixed(np.repeat(even, len(one.cells), axis=0)) for name, one in trained.items()}
    change = {40: np.zeros((2, HEIGHT, WIDTH)), 41: np.zeros((2, HEIGHT, WIDTH)), 42: np.zeros((2, HEIGHT, WIDTH))}
    change[40][:, :, 9:] = 50
    change[42][0, :, 9:] = 50
    batches = [
        WindowBatch(position=torch.tensor(places), recording=torch.zeros(len(places)), start_s=torch.zeros(len(places)))
        for places in ([0, 1], [2])
    ]
    found = motion_shares(
        batches, np.array([42, 41, 40]), lambda window: change[window].astype(np.uint8),
        trained=trained, start=start, above=12.0,
    )  # fmt: skip
    assert found.window.tolist() == [42, 40]
    baseline, spatial, temporal = range(len(MAPS))
    np.testing.assert_allclose(found.even, [[0.25, 0.25, 0.125], [0.25, 0.25, 0.25]])
    np.testing.assert_allclose(found.share[:, :, 1], found.even, rtol=1e-6)
    assert (found.share[:, baseline, 0] == 0.0).all()
    assert (found.share[:, spatial, 0] > 0.5).all()
    np.testing.assert_allclose(found.share[0, temporal, 0], found.share[0, spatial, 0] / 2.0, rtol=1e-6)
    assert (found.share[:, :, 2] >= found.share[:, :, 1]).all()
    assert found.peak[:, spatial, 0].all()
    assert not found.peak[:, baseline, 0].any()


def test_a_part_without_motion_gives_no_rows_and_no_error():
    network: Any = dict.fromkeys(MAPS, Fixed(np.ones((1, 2, 3))))
    batch = WindowBatch(position=torch.tensor([0]), recording=torch.zeros(1), start_s=torch.zeros(1))
    found = motion_shares(
        [batch],
        np.array([5]),
        lambda _: np.zeros((2, HEIGHT, WIDTH), np.uint8),
        trained=network,
        start=network,
        above=1.0,
    )
    assert found.share.shape == (0, 3, 3)
    assert found.even.shape == (0, 3)
