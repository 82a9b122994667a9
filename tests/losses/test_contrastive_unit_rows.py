import torch

from detach_core.losses.contrastive import unit_rows


def test_rows_have_length_one_and_keep_their_direction():
    feature = torch.randn(5, 3, dtype=torch.float64)
    unit = unit_rows(feature)
    for row in range(5):
        length = sum(float(value) ** 2 for value in feature[row]) ** 0.5
        for column in range(3):
            assert abs(float(unit[row, column]) - float(feature[row, column]) / length) < 1e-12


def test_a_zero_row_stays_zero_and_its_gradient_is_of_ordinary_size():
    feature = torch.zeros(2, 4, requires_grad=True)
    unit = unit_rows(feature)
    assert torch.equal(unit, torch.zeros(2, 4))
    unit.sum().backward()
    assert float(feature.grad.abs().max()) == 1.0
