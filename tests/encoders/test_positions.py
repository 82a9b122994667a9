"""Fixed positions against a loop in float64."""

import math

import pytest
import torch

from detach_core.encoders.positions import position_table


def oracle(grid, width):
    """Sines, then cosines, of each axis, spelled out."""
    sizes = grid if len(grid) == 2 else (1, *grid)
    part = width // len(grid)
    rows = []
    for row in range(sizes[0]):
        for column in range(sizes[1]):
            line = []
            for place in (row, column)[-len(grid) :]:
                rates = [1.0 / 10000.0 ** (index / (part / 2)) for index in range(part // 2)]
                line += [math.sin(place * rate) for rate in rates] + [math.cos(place * rate) for rate in rates]
            rows.append(line)
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize(
    "grid", [(1,), (7,), (400,), (1, 1), (7, 8), (6, 8), (8, 8), (5, 3), (1, 9), (14, 14)], ids=str
)
@pytest.mark.parametrize("width", [4, 16, 96])
def test_it_equals_a_loop_for_any_size(grid, width):
    table = position_table(grid, width)
    assert table.dtype == torch.float32
    torch.testing.assert_close(table.double(), oracle(grid, width), atol=1e-6, rtol=0)


def test_every_place_is_its_own():
    table = position_table((16, 20), 32)
    apart = torch.cdist(table, table).fill_diagonal_(torch.inf)
    assert float(apart.min()) > 0.05


@pytest.mark.parametrize("grid", [(), (0,), (3, 0)], ids=str)
def test_an_empty_grid_is_refused(grid):
    with pytest.raises(ValueError, match="at least one cell"):
        position_table(grid, 16)


@pytest.mark.parametrize(("grid", "width"), [((3,), 7), ((3, 3), 6), ((3,), 0)])
def test_a_width_that_cannot_be_shared_out_is_refused(grid, width):
    with pytest.raises(ValueError, match="width must be a multiple of"):
        position_table(grid, width)
