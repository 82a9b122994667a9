import itertools

import pytest
import torch

from detach_core.methods.primus.views import (
    NOISE,
    SCALE,
    SensorViews,
    add_noise,
    negate,
    permute_segments,
    scale_channels,
)


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def clock(batch=64, channels=3, length=128):
    """Windows whose samples say their time, plus 1000 a channel."""
    time = torch.arange(float(length))
    return (time + 1000.0 * torch.arange(float(channels))[:, None]).expand(batch, channels, length).contiguous()


def pieces(row):
    """The runs of consecutive times in a permuted window, as (first, last)."""
    breaks = [0, *(t for t in range(1, len(row)) if row[t] != row[t - 1] + 1), len(row)]
    return [(row[a], row[b - 1]) for a, b in itertools.pairwise(breaks)]


@pytest.mark.parametrize(("batch", "length"), [(64, 128), (256, 400), (100, 4)])
def test_pieces_of_every_window_come_back_whole(batch, length):
    sensor = clock(batch, 2, length)
    changed = permute_segments(sensor, 4, stream())
    assert torch.equal(changed.sort(dim=2).values, sensor)
    assert max(len(pieces(row.tolist())) for row in changed[:, 0]) == 4
    assert all(1 <= len(pieces(row.tolist())) <= 4 for row in changed[:, 0])


def test_all_channels_of_a_window_are_cut_alike():
    changed = permute_segments(clock(), 4, stream())
    assert torch.equal(changed[:, 1] - 1000.0, changed[:, 0])
    assert torch.equal(changed[:, 2] - 2000.0, changed[:, 0])


def test_every_window_has_cuts_and_an_order_of_its_own():
    changed = permute_segments(clock(batch=64), 4, stream())
    assert len({tuple(row) for row in changed[:, 0].tolist()}) > 60
    starts = [sorted(first for first, _ in pieces(row)) for row in changed[:, 0].tolist()]
    cuts = [start for row in starts for start in row if start]
    # One draw without replacement over the batch could not repeat a cut.
    assert len(set(cuts)) < len(cuts)


def test_cuts_fall_everywhere_and_every_piece_may_come_first():
    rows = permute_segments(clock(batch=4000, channels=1, length=6), 2, stream())[:, 0].tolist()
    swapped = [row for row in rows if row[0]]
    assert 0.45 < len(swapped) / len(rows) < 0.55
    counts = [sum(row[0] == cut for row in swapped) / len(swapped) for cut in range(1, 6)]
    assert all(0.16 < share < 0.24 for share in counts)


def test_more_pieces_than_samples_are_refused():
    with pytest.raises(ValueError, match="3 samples cannot be cut into 4"):
        permute_segments(clock(length=3), 4, stream())


def test_a_channel_has_one_factor_over_its_whole_window():
    factor = scale_channels(torch.ones(500, 4, 20), stream())
    assert torch.equal(factor, factor[:, :, :1].expand_as(factor))
    own = factor[:, :, 0]
    assert float(own.mean()) == pytest.approx(1.0, abs=0.03)
    assert float(own.std()) == pytest.approx(SCALE, rel=0.05)
    assert len(own.flatten().unique()) == own.numel()


def test_noise_is_independent_and_of_its_deviation():
    noise = add_noise(torch.zeros(50, 4, 100), stream())
    assert float(noise.std()) == pytest.approx(NOISE, rel=0.03)
    assert float(noise.mean()) == pytest.approx(0.0, abs=0.005)
    assert len(noise.flatten().unique()) > 0.9 * noise.numel()


def test_negation_turns_the_window_upside_down():
    assert torch.equal(negate(clock()), -clock())


def test_transforms_follow_one_another_as_listed():
    sensor = torch.randn(5, 3, 40)
    views = SensorViews(["negate", "permute"], segments=4, generator=stream())
    assert torch.equal(views(sensor), permute_segments(-sensor, 4, stream()))
    draws = stream()
    expected = scale_channels(add_noise(sensor, draws), draws)
    assert torch.equal(SensorViews(["noise", "scale"], segments=4, generator=stream())(sensor), expected)


def test_no_transform_leaves_the_window_as_it_is():
    sensor = torch.randn(5, 3, 40)
    assert torch.equal(SensorViews([], segments=4, generator=stream())(sensor), sensor)


def test_the_window_itself_is_not_written_to():
    sensor = torch.randn(5, 3, 40)
    before = sensor.clone()
    SensorViews(["noise", "scale", "negate", "permute"], segments=4, generator=stream())(sensor)
    assert torch.equal(sensor, before)


def test_equal_seeds_give_equal_views_and_two_calls_do_not():
    sensor = torch.randn(5, 3, 40)
    first, second = (
        SensorViews(["noise", "scale", "negate", "permute"], segments=4, generator=stream()) for _ in range(2)
    )
    view = first(sensor)
    assert torch.equal(view, second(sensor))
    assert not torch.equal(view, first(sensor))


def test_an_unknown_transform_is_refused():
    with pytest.raises(ValueError, match="got 'rotate'"):
        SensorViews(["negate", "rotate"], segments=4, generator=stream())
