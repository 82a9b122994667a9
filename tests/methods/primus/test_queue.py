import pytest
import torch

from detach_core.methods.batch import WindowBatch
from detach_core.methods.primus.queue import NeighbourQueue


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
