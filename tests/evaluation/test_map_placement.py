import numpy as np
import pytest

from detach_core.evaluation.embedding_map import enlarge, min_max, placement, shrink


def test_a_pixel_at_a_cells_centre_shows_that_cell_and_one_between_two_shows_both():
    weights = placement(np.array([1.0, 5.0]), 8)
    np.testing.assert_allclose(weights[1], [1.0, 0.0])
    np.testing.assert_allclose(weights[5], [0.0, 1.0])
    np.testing.assert_allclose(weights[2], [0.75, 0.25])


def test_beyond_the_outermost_centres_the_border_goes_on():
    weights = placement(np.array([2.0, 4.0]), 8)
    np.testing.assert_allclose(weights[0], [1.0, 0.0])
    np.testing.assert_allclose(weights[7], [0.0, 1.0])
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)


def test_an_enlarged_map_is_linear_along_both_axes():
    rows, columns = placement(np.array([0.0, 4.0]), 5), placement(np.array([0.0, 2.0, 4.0]), 5)
    cells = np.add.outer(np.array([0.0, 4.0]), np.array([0.0, 20.0, 40.0]))[None]
    np.testing.assert_allclose(enlarge(cells, rows, columns)[0], np.add.outer(np.arange(5.0), 10.0 * np.arange(5.0)))


def test_shrinking_an_even_picture_leaves_it_even_and_a_bright_corner_stays_in_its_corner():
    rows, columns = placement(np.array([1.5, 9.5]), 12), placement(np.array([1.5, 9.5, 17.5]), 20)
    np.testing.assert_allclose(shrink(np.full((2, 12, 20), 0.3), rows, columns), 0.3)
    picture = np.zeros((1, 12, 20))
    picture[0, 10:, 18:] = 1.0
    assert tuple(map(int, np.unravel_index(shrink(picture, rows, columns).argmax(), (1, 2, 3)))) == (0, 1, 2)


def test_min_max_is_over_all_steps_of_a_window():
    scaled = min_max(np.array([[[1.0, 2.0]], [[3.0, 5.0]]]))
    np.testing.assert_allclose(scaled, [[[0.0, 0.25]], [[0.5, 1.0]]])


@pytest.mark.parametrize("value", [0.0, 3.0, -2.0])
def test_a_map_without_differences_counts_as_even(value):
    np.testing.assert_array_equal(min_max(np.full((2, 3, 4), value)), 1.0)
