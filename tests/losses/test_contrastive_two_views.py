import math

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from detach_core.losses.contrastive import two_view_contrast


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
