import pytest
import torch

from detach_core.training import order


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_an_epoch_sees_no_window_twice_and_drops_the_rest():
    batches = list(order.window_batches(23, 5, generator()))
    assert [len(batch) for batch in batches] == [5, 5, 5, 5]
    assert len(torch.cat(batches).unique()) == 20


def test_orders_differ_between_epochs_and_repeat_with_the_seed():
    source = generator()
    first, second = (torch.cat(list(order.window_batches(20, 5, source))) for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(first, torch.cat(list(order.window_batches(20, 5, generator()))))


def test_fewer_windows_than_a_batch_give_none():
    assert list(order.window_batches(4, 5, generator())) == []


def test_recordings_stay_whole():
    recording = torch.tensor([0] * 3 + [5] * 4 + [2] * 2 + [9] * 3)
    batches = list(order.recording_batches(recording, 6, generator()))
    assert len(batches) == 2
    seen = [set(recording[batch].tolist()) for batch in batches]
    assert seen[0] | seen[1] == {0, 2, 5, 9}
    for batch in batches:
        for one in recording[batch].unique():
            assert int((recording[batch] == one).sum()) == int((recording == one).sum())


@pytest.mark.parametrize(("batch_size", "expected"), [(1, 1), (6, 2), (1000, 4)])
def test_recordings_come_nearest_to_the_batch_size(batch_size, expected):
    recording = torch.arange(4).repeat_interleave(3)
    assert order.recordings_per_batch(recording, batch_size) == expected


@pytest.mark.parametrize("unit", ["window", "recording"])
@pytest.mark.parametrize("batch_size", [3, 5, 7, 12, 13])
def test_steps_are_counted_as_they_come(unit, batch_size):
    recording = torch.arange(4).repeat_interleave(3)
    batches = (
        order.window_batches(12, batch_size, generator())
        if unit == "window"
        else order.recording_batches(recording, batch_size, generator())
    )
    assert order.steps_per_epoch(recording, batch_size, unit) == len(list(batches))
