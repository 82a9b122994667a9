from __future__ import annotations

import math

import pytest
import torch

from detach_core.losses import summed_info_nce
from detach_core.methods.batch import Truth, WindowBatch
from detach_core.methods.primus.losses import (
    NeighbourMonitor,
    NeighbourQueue,
    Neighbours,
    Views,
    nearest_neighbours,
    neighbour_info_nce,
    primus_terms,
)


def cosine(first, second):
    inner = sum(a * b for a, b in zip(first, second, strict=True))
    return inner / math.sqrt(sum(a * a for a in first)) / math.sqrt(sum(b * b for b in second))


def summed_oracle(first, second, temperature):
    """-log softmax of the own column plus -log softmax of the own row, averaged over rows, in loops."""
    first, second = first.tolist(), second.tolist()
    count = len(first)
    logits = [[cosine(a, b) / temperature for b in second] for a in first]
    total = 0.0
    for i in range(count):
        total += math.log(sum(math.exp(logits[i][j]) for j in range(count))) - logits[i][i]
        total += math.log(sum(math.exp(logits[j][i]) for j in range(count))) - logits[i][i]
    return total / count


def nothing(rows, columns):
    return torch.zeros(rows, columns, dtype=torch.bool)


def draw(rows=6, dim=5):
    return torch.randn(rows, dim, dtype=torch.float64)


def draw_views(found, *, requires_grad=False):
    rows = len(found)
    views = Views(*(draw(rows).requires_grad_(requires_grad) for _ in Views._fields))
    return views, Neighbours(draw(rows).requires_grad_(requires_grad), draw(rows).requires_grad_(requires_grad), found)


def terms_of(views, neighbours, weight=0.3):
    return primus_terms(
        views, neighbours, self_supervised_weight=weight, video_temperature=0.2, self_supervised_temperature=0.5
    )


def test_the_nearest_neighbour_has_the_highest_cosine_that_is_left():
    query, queue = draw(7), draw(11) * 10.0
    excluded = torch.rand(7, 11) < 0.5
    index, found = nearest_neighbours(query, queue, excluded)
    assert bool(found.all())
    for row in range(7):
        left = [j for j in range(11) if not excluded[row, j]]
        best = max(left, key=lambda j: cosine(query[row].tolist(), queue[j].tolist()))
        assert int(index[row]) == best


def test_length_does_not_make_a_neighbour():
    query = torch.tensor([[1.0, 0.0]])
    queue = torch.tensor([[100.0, 100.0], [0.1, 0.01]])
    assert nearest_neighbours(query, queue, nothing(1, 2))[0].tolist() == [1]


def test_a_neighbour_may_point_away_but_never_be_excluded():
    query = torch.tensor([[1.0, 0.0]])
    queue = torch.tensor([[1.0, 0.0], [-1.0, 0.1]])
    index, found = nearest_neighbours(query, queue, torch.tensor([[True, False]]))
    assert index.tolist() == [1]
    assert found.tolist() == [True]


def test_a_row_without_anything_left_has_no_neighbour():
    excluded = nothing(3, 4)
    excluded[1] = True
    index, found = nearest_neighbours(draw(3), draw(4), excluded)
    assert found.tolist() == [True, False, True]
    assert 0 <= int(index[1]) < 4


@pytest.mark.parametrize(
    ("query", "queue", "excluded"),
    [
        (torch.ones(2, 3), torch.ones(4, 2), nothing(2, 4)),
        (torch.ones(2, 3), torch.ones(0, 3), nothing(2, 0)),
        (torch.ones(2, 3), torch.ones(4, 3), nothing(4, 2)),
        (torch.ones(2, 3), torch.ones(4, 3), torch.zeros(2, 4)),
        (torch.ones(3), torch.ones(4, 3), nothing(3, 4)),
    ],
    ids=["width", "empty", "turned", "not bool", "one row"],
)
def test_neighbours_of_shapes_that_do_not_fit_are_refused(query, queue, excluded):
    with pytest.raises(ValueError, match="must be"):
        nearest_neighbours(query, queue, excluded)


def test_rows_without_a_neighbour_are_left_out_as_positives_and_as_negatives():
    feature, neighbour = draw(), draw()
    found = torch.tensor([True, False, True, True, False, True])
    expected = summed_oracle(feature[found], neighbour[found], 0.2)
    assert float(neighbour_info_nce(feature, neighbour, found, 0.2)) == pytest.approx(expected, rel=1e-9)
    neighbour[~found] = math.nan
    assert float(neighbour_info_nce(feature, neighbour, found, 0.2)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("count", [0, 1])
def test_no_neighbour_or_a_single_one_costs_nothing(count):
    found = torch.arange(6) < count
    feature = draw().requires_grad_()
    loss = neighbour_info_nce(feature, draw(), found, 0.2)
    assert loss.ndim == 0
    assert float(loss.detach()) == 0.0
    (loss + feature.sum() * 0.0).backward()
    assert bool(torch.isfinite(feature.grad).all())


def test_neighbour_terms_of_shapes_that_do_not_fit_are_refused():
    every = torch.ones(6, dtype=torch.bool)
    for feature, neighbour, found in (
        (draw(), draw(5), every),
        (draw(), draw(), every[:5]),
        (draw()[0], draw()[0], every),
    ):
        with pytest.raises(ValueError, match="feature and neighbour"):
            neighbour_info_nce(feature, neighbour, found, 0.2)


def test_the_terms_are_the_formula_in_loops():
    found = torch.tensor([True, True, False, True, True, True])
    views, neighbours = draw_views(found)
    terms = terms_of(views, neighbours)
    expected = {
        "video": 0.7 * summed_oracle(views.mmcl, views.video, 0.2),
        "self_supervised": 0.3 * summed_oracle(views.ssl, views.changed_ssl, 0.5),
        "neighbour_video": 0.7 * summed_oracle(views.mmcl[found], neighbours.video[found], 0.2),
        "neighbour_sensor": 0.3 * summed_oracle(views.ssl[found], neighbours.ssl[found], 0.5),
    }
    assert terms.keys() == expected.keys()
    for name, value in expected.items():
        assert float(terms[name]) == pytest.approx(value, rel=1e-9), name


def test_an_infonce_is_torch_s_cross_entropy_in_both_directions():
    views, neighbours = draw_views(torch.ones(6, dtype=torch.bool))
    normalize, cross_entropy = torch.nn.functional.normalize, torch.nn.functional.cross_entropy
    logits = normalize(views.mmcl) @ normalize(neighbours.video).T / 0.2
    both = cross_entropy(logits, torch.arange(6)) + cross_entropy(logits.T, torch.arange(6))
    torch.testing.assert_close(terms_of(views, neighbours)["neighbour_video"], 0.7 * both)


def test_the_weight_at_its_ends_leaves_one_kind_of_term():
    views, neighbours = draw_views(torch.ones(6, dtype=torch.bool))
    for weight, silent in ((0.0, ("self_supervised", "neighbour_sensor")), (1.0, ("video", "neighbour_video"))):
        terms = terms_of(views, neighbours, weight)
        assert {name for name, value in terms.items() if float(value) == 0.0} == set(silent)


@pytest.mark.parametrize("weight", [-0.1, 1.1, math.nan])
def test_a_weight_outside_its_range_is_refused(weight):
    views, neighbours = draw_views(torch.ones(6, dtype=torch.bool))
    with pytest.raises(ValueError, match="self_supervised_weight"):
        terms_of(views, neighbours, weight)


def test_views_learn_and_neighbours_do_not():
    views, neighbours = draw_views(torch.ones(6, dtype=torch.bool), requires_grad=True)
    sum(terms_of(views, neighbours).values()).backward()
    assert all(float(view.grad.abs().sum()) > 0 for view in views)
    assert neighbours.video.grad is None
    assert neighbours.ssl.grad is None


def test_both_temperatures_learn():
    views, neighbours = draw_views(torch.ones(6, dtype=torch.bool))
    first, second = torch.tensor(0.1, requires_grad=True), torch.tensor(0.1, requires_grad=True)
    terms = primus_terms(
        views, neighbours, self_supervised_weight=0.5, video_temperature=first, self_supervised_temperature=second
    )
    (terms["video"] + terms["neighbour_video"]).backward()
    assert float(first.grad.abs()) > 0
    assert [one.grad is None for one in (first, second)] == [False, True]
    (terms["self_supervised"] + terms["neighbour_sensor"]).backward()
    assert float(second.grad.abs()) > 0


def test_a_dead_encoder_gives_a_finite_loss_and_gradient():
    views, neighbours = draw_views(torch.ones(6, dtype=torch.bool))
    dead = torch.zeros(6, 5, dtype=torch.float64, requires_grad=True)
    loss = sum(terms_of(views._replace(mmcl=dead), neighbours._replace(video=torch.zeros(6, 5).double())).values())
    loss.backward()
    assert bool(torch.isfinite(loss))
    assert bool(torch.isfinite(dead.grad).all())
    assert float(summed_info_nce(dead.detach(), dead.detach(), 0.2)) == pytest.approx(2 * math.log(6))


def make_batch(position, *, recording=0, start_s=None):
    position = torch.tensor(position)
    starts = position.double() if start_s is None else torch.tensor(start_s, dtype=torch.float64)
    return WindowBatch(position, torch.full_like(position, recording), starts)


def push(queue, position, **where):
    """Features that tell where they come from: the video is the position, the sensor its negative."""
    batch = make_batch(position, **where)
    feature = batch.position.float()[:, None].repeat(1, 3)
    queue.push(batch, video=feature, ssl=-feature)


def test_it_fills_in_order():
    queue = NeighbourQueue(5)
    assert len(queue) == 0
    push(queue, [4, 9])
    push(queue, [1])
    assert len(queue) == 3
    assert queue.entries.position.tolist() == [4, 9, 1]


def test_the_first_in_is_the_first_out():
    queue = NeighbourQueue(5)
    push(queue, [0, 1, 2])
    push(queue, [3, 4, 5])
    assert queue.entries.position.tolist() == [1, 2, 3, 4, 5]
    push(queue, [6, 7, 8, 9])
    assert queue.entries.position.tolist() == [5, 6, 7, 8, 9]


def test_of_a_batch_beyond_its_size_the_last_stay():
    queue = NeighbourQueue(3)
    push(queue, [0])
    push(queue, [1, 2, 3, 4, 5])
    assert queue.entries.position.tolist() == [3, 4, 5]


def test_all_fields_keep_together_over_many_turns():
    queue, pushed = NeighbourQueue(7), []
    for step in range(20):
        position = list(range(100 * step, 100 * step + 1 + step % 4))
        push(queue, position, recording=step)
        pushed += [(p, step) for p in position]
        assert len(queue) == min(7, len(pushed))
        entries = queue.entries
        assert list(zip(entries.position.tolist(), entries.recording.tolist(), strict=True)) == pushed[-7:]
        assert entries.video[:, 0].tolist() == entries.position.tolist()
        assert entries.ssl[:, 2].tolist() == (-entries.position).tolist()
        assert entries.start_s.tolist() == entries.position.tolist()


def test_it_keeps_no_gradient():
    queue = NeighbourQueue(4)
    feature = torch.ones(2, 3, requires_grad=True)
    queue.push(make_batch([0, 1]), video=feature * 2, ssl=feature * 3)
    assert not queue.entries.video.requires_grad
    assert not queue.entries.ssl.requires_grad


def test_it_holds_copies_of_nothing_that_a_later_batch_changes():
    queue = NeighbourQueue(8)
    push(queue, [0, 1])
    before = queue.entries.video.clone()
    push(queue, [2, 3])
    assert torch.equal(queue.entries.video[:2], before)


def test_the_same_window_and_its_neighbours_in_time_are_too_near():
    queue = NeighbourQueue(9)
    push(queue, [10, 11, 12, 13, 14], start_s=[0.0, 1.0, 2.0, 2.5, 9.0])
    near = queue.too_near(make_batch([50, 14], start_s=[0.0, 9.0]), exclude_s=2.0)
    assert near.tolist() == [[True, True, True, False, False], [False, False, False, False, True]]


def test_exactly_as_far_as_asked_is_too_near_whatever_the_rounding():
    queue = NeighbourQueue(2)
    push(queue, [0], start_s=[0.1 + 0.2])
    assert queue.too_near(make_batch([5], start_s=[0.3 + 0.7]), exclude_s=0.7).tolist() == [[True]]


def test_another_recording_is_never_too_near():
    queue = NeighbourQueue(4)
    push(queue, [0, 1], recording=1, start_s=[3.0, 4.0])
    assert not bool(queue.too_near(make_batch([7, 8], recording=2, start_s=[3.0, 4.0]), exclude_s=10.0).any())


def test_the_same_window_is_excluded_even_where_its_time_is_not_asked():
    queue = NeighbourQueue(4)
    push(queue, [0, 1], start_s=[3.0, 3.5])
    assert queue.too_near(make_batch([1], recording=9, start_s=[3.5]), exclude_s=0.0).tolist() == [[False, True]]


def test_a_queue_without_room_or_entries_is_refused():
    with pytest.raises(ValueError, match="size 0"):
        NeighbourQueue(0)
    with pytest.raises(ValueError, match="empty"):
        _ = NeighbourQueue(3).entries


def test_a_queue_goes_on_from_the_entries_of_another():
    queue, other = NeighbourQueue(3), NeighbourQueue(3)
    push(queue, [0, 1, 2])
    other.entries = queue.entries
    for each in (queue, other):
        push(each, [3])
    assert other.entries.position.tolist() == queue.entries.position.tolist() == [1, 2, 3]


@pytest.fixture
def monitor():
    return NeighbourMonitor(Truth(torch.tensor([0, 0, 1, -1]), torch.tensor([1, 0, 1, 1]), "test"))


def test_nothing_is_said_before_the_first_batch(monitor):
    assert monitor.report() == {}


def test_shares_are_of_neighbours_whose_truth_is_known(monitor):
    found = torch.tensor([True, True, True, False])
    monitor.add(torch.tensor([0, 0, 3, 1]), torch.tensor([1, 2, 0, 1]), found)
    assert monitor.report() == {"found": 0.75, "same_place": 0.5, "same_action": pytest.approx(2 / 3)}


def test_batches_add_up_until_the_report(monitor):
    for neighbour in (1, 2):
        monitor.add(torch.tensor([0]), torch.tensor([neighbour]), torch.tensor([True]))
    assert monitor.report() == {"found": 1.0, "same_place": 0.5, "same_action": 0.5}
    assert monitor.report() == {}


def test_a_share_of_nothing_is_none(monitor):
    monitor.add(torch.tensor([0]), torch.tensor([1]), torch.tensor([False]))
    assert monitor.report() == {"found": 0.0, "same_place": None, "same_action": None}
