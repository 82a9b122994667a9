from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from detach_core.losses import info_nce, mean_cosine, one_way_info_nce, summed_info_nce, two_view_contrast, unit_rows

pytestmark = pytest.mark.usefixtures("one_seeded_thread")


def test_equal_cosines_give_the_logarithm_of_the_batch():
    assert abs(float(info_nce(torch.ones(6, 2), torch.ones(6, 2), 0.1)) - math.log(6)) < 1e-5


def test_the_loss_is_the_mean_of_both_directions_written_out():
    video = torch.tensor([[2.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    sensor = torch.tensor([[1.0, 0.0], [3.0, 3.0]], dtype=torch.float64)
    root = math.sqrt(0.5)
    cosine = [[1.0, root], [0.0, root]]
    rows = sum(math.log(sum(math.exp(c) for c in cosine[i])) - cosine[i][i] for i in range(2)) / 2
    columns = sum(math.log(sum(math.exp(cosine[i][j]) for i in range(2))) - cosine[j][j] for j in range(2)) / 2
    assert abs(float(info_nce(video, sensor, 1.0)) - (rows + columns) / 2) < 1e-12


def test_a_learned_temperature_gets_a_gradient():
    temperature = torch.tensor(0.1, requires_grad=True)
    info_nce(torch.randn(4, 3), torch.randn(4, 3), temperature).backward()
    assert float(temperature.grad.abs()) > 0


def test_one_pair_alone_costs_nothing():
    assert float(info_nce(torch.randn(1, 3), torch.randn(1, 3), 0.1)) == 0.0


def test_features_that_do_not_pair_are_refused():
    with pytest.raises(ValueError, match="video and sensor"):
        info_nce(torch.randn(4, 3), torch.randn(5, 3), 0.1)


def test_it_is_torch_s_cross_entropy_in_both_directions():
    torch.manual_seed(0)
    first, second = torch.randn(7, 5, dtype=torch.float64), torch.randn(7, 5, dtype=torch.float64)
    logits = torch.nn.functional.normalize(first) @ torch.nn.functional.normalize(second).T / 0.2
    target = torch.arange(7)
    both = [torch.nn.functional.cross_entropy(value, target) for value in (logits, logits.T)]
    torch.testing.assert_close(info_nce(first, second, 0.2), sum(both) / 2)
    torch.testing.assert_close(summed_info_nce(first, second, 0.2), sum(both))


def oracle(video, sensor, temperature):
    """For each video the softmax over all sensors."""
    total = 0.0
    for i in range(len(video)):
        cosine = [
            float(video[i] @ sensor[j]) / math.sqrt(float(video[i] @ video[i]) * float(sensor[j] @ sensor[j]))
            for j in range(len(sensor))
        ]
        total += math.log(sum(math.exp(value / temperature) for value in cosine)) - cosine[i] / temperature
    return total / len(video)


@pytest.mark.parametrize("count", [1, 2, 9])
@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_it_is_the_formula_written_out(count, temperature):
    video, sensor = torch.randn(count, 5, dtype=torch.float64), torch.randn(count, 5, dtype=torch.float64)
    found = one_way_info_nce(video, sensor, temperature)
    assert float(found) == pytest.approx(oracle(video, sensor, temperature), rel=1e-9, abs=1e-12)


def test_it_is_torch_s_cross_entropy_over_sensors():
    video, sensor = torch.randn(6, 4), torch.randn(6, 4)
    logits = normalize(video) @ normalize(sensor).T / 0.1
    torch.testing.assert_close(one_way_info_nce(video, sensor, 0.1), cross_entropy(logits, torch.arange(6)))


def test_the_direction_matters_and_both_make_plain_infonce():
    video, sensor = torch.randn(6, 4), torch.randn(6, 4)
    there, back = one_way_info_nce(video, sensor, 0.1), one_way_info_nce(sensor, video, 0.1)
    assert abs(float(there - back)) > 1e-3
    torch.testing.assert_close((there + back) / 2, info_nce(video, sensor, 0.1))


def test_a_dead_encoder_costs_the_logarithm_of_the_batch():
    video = torch.zeros(5, 3, requires_grad=True)
    loss = one_way_info_nce(video, torch.randn(5, 3), 0.05)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(math.log(5), rel=1e-6)
    assert bool(torch.isfinite(video.grad).all())


def test_what_does_not_pair_is_refused():
    with pytest.raises(ValueError, match="video and sensor"):
        one_way_info_nce(torch.randn(4, 3), torch.randn(5, 3), 0.1)
    with pytest.raises(ValueError, match="temperature"):
        one_way_info_nce(torch.randn(4, 3), torch.randn(4, 3), 0.0)


def draw(count=5, dim=4):
    return (torch.randn(count, dim, dtype=torch.float64) for _ in range(2))


def test_the_loss_is_its_formula_written_out():
    first, second = draw()
    views = normalize(torch.cat([first, second])).tolist()
    total = 0.0
    for i, view in enumerate(views):
        cosines = [sum(x * y for x, y in zip(view, other, strict=True)) for other in views]
        partner = (i + 5) % 10
        others = sum(math.exp(cosine / 0.3) for k, cosine in enumerate(cosines) if k != i)
        total -= math.log(math.exp(cosines[partner] / 0.3) / others) / 10
    assert abs(float(two_view_contrast(first, second, 0.3)) - total) < 1e-9


def test_it_is_torch_s_cross_entropy_without_the_diagonal():
    first, second = draw(7)
    views = normalize(torch.cat([first, second]))
    similarity = views @ views.T / 0.1
    kept = similarity[~torch.eye(14, dtype=torch.bool)].reshape(14, 13)
    # Without the diagonal, what lies behind it moves up by one.
    target = torch.tensor([i + 7 - 1 for i in range(7)] + list(range(7)))
    torch.testing.assert_close(two_view_contrast(first, second, 0.1), cross_entropy(kept, target))


def test_views_that_say_nothing_cost_the_logarithm_of_the_others():
    assert abs(float(two_view_contrast(torch.ones(6, 2), torch.ones(6, 2), 0.1)) - math.log(11)) < 1e-5


def test_the_order_of_the_views_does_not_matter():
    first, second = draw()
    torch.testing.assert_close(two_view_contrast(first, second, 0.1), two_view_contrast(second, first, 0.1))


def test_one_window_alone_costs_nothing_and_zero_rows_are_safe():
    assert float(two_view_contrast(torch.randn(1, 3), torch.randn(1, 3), 0.1)) == 0.0
    dead = torch.zeros(4, 3, requires_grad=True)
    two_view_contrast(dead, torch.randn(4, 3), 0.1).backward()
    assert bool(torch.isfinite(dead.grad).all())


def test_half_precision_is_computed_in_full():
    first, second = (view.float() for view in draw())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = two_view_contrast(first, second, 0.1)
    assert under.dtype == torch.float32
    assert torch.equal(under, two_view_contrast(first, second, 0.1))


def test_what_does_not_fit_is_refused():
    first, second = draw()
    with pytest.raises(ValueError, match="views must both"):
        two_view_contrast(first, second[:3], 0.1)
    with pytest.raises(ValueError, match="views must both"):
        two_view_contrast(first[:0], second[:0], 0.1)
    with pytest.raises(ValueError, match="temperature"):
        two_view_contrast(first, second, 0.0)


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


@pytest.mark.parametrize("count", [1, 2, 7])
def test_the_mean_cosine_is_that_of_all_pairs_of_different_rows(count):
    rows = torch.randn(count, 3)
    unit = [[float(value) / math.sqrt(sum(float(x) ** 2 for x in row)) for value in row] for row in rows]
    pairs = [sum(unit[i][k] * unit[j][k] for k in range(3)) for i in range(count) for j in range(count) if i != j]
    expected = sum(pairs) / len(pairs) if pairs else 0.0
    assert mean_cosine(rows) == pytest.approx(expected, abs=1e-6)


def test_rows_that_point_one_way_have_a_mean_cosine_of_one_whatever_their_length():
    assert mean_cosine(torch.tensor([[1.0, 2.0], [3.0, 6.0], [0.5, 1.0]])) == pytest.approx(1.0)
    assert mean_cosine(torch.tensor([[1.0, 0.0], [-2.0, 0.0]])) == pytest.approx(-1.0)
    assert mean_cosine(torch.zeros(3, 2)) == 0.0
