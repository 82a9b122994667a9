from __future__ import annotations

import numpy as np
import pytest

from detach_core.contracts import rows
from detach_core.signals.resampling import on_even_clock, sampling_rate_hz
from detach_core.signals.sample_times import first_surplus, sample_times, stamped_clock, typical_period


def floored(tick_s):
    return lambda taken_s: np.floor(taken_s / tick_s + 1e-9) * tick_s


def bursts(count):
    """All samples of a burst are stamped when its last one is handed over; a loss ends a burst."""

    def stamp(taken_s):
        lost = np.flatnonzero(np.diff(taken_s) > 1.5 * np.median(np.diff(taken_s))) + 1
        pieces = np.split(taken_s, lost)
        last = [np.minimum(np.arange(len(p)) // count * count + count - 1, len(p) - 1) for p in pieces]
        return np.concatenate([piece[row] for piece, row in zip(pieces, last, strict=True)])

    return stamp


def trembling(deviation_s):
    return lambda taken_s: np.maximum.accumulate(
        taken_s + np.random.default_rng(1).normal(0, deviation_s, len(taken_s))
    )


# How a clock stamps, and by how much it is off at most.
CLOCKS = {
    "exact": (lambda taken_s: taken_s, 0.0),
    "rounded milliseconds": (lambda taken_s: np.round(taken_s, 3), 0.001),
    "10 ms": (floored(0.01), 0.01),
    "15.625 ms": (floored(1 / 64), 1 / 64),
    "0.1 s": (floored(0.1), 0.1),
    "1 s": (floored(1.0), 1.0),
    "pairs": (bursts(2), 0.034),
    "bursts of 5": (bursts(5), 0.14),
    "bursts of 16": (bursts(16), 0.54),
    "trembling": (trembling(0.004), 0.02),
}


def taken(rate_hz, *, count=6000, gaps=()):
    """When samples were taken; each gap (row, length_s) comes before its row."""
    taken_s = 0.137 + np.arange(count) / rate_hz
    for row, length_s in gaps:
        taken_s[row:] += length_s
    return taken_s


@pytest.mark.parametrize("rate_hz", [30, 47.9, 50])
@pytest.mark.parametrize("name", CLOCKS)
def test_rate_and_times_of_a_clock_are_found_without_bias(name, rate_hz):
    stamp, off_s = CLOCKS[name]
    taken_s = taken(rate_hz)
    stamps = stamp(taken_s)
    clock = stamped_clock(stamps)
    assert 1 / clock.period == pytest.approx(rate_hz, rel=2e-3)
    assert not clock.gap[:].any()
    assert first_surplus(stamps, clock) is None
    times = np.asarray(sample_times(stamps, clock, None))
    assert np.abs(times - taken_s).max() <= off_s + 1e-9
    assert (np.diff(times) >= 0).all()


@pytest.mark.parametrize("name", CLOCKS)
def test_lost_samples_are_a_gap_of_the_right_length_at_its_place(name):
    stamp, off_s = CLOCKS[name]
    gaps = [(2000, 2.4), (4100, 60.0)]
    taken_s = taken(50, gaps=gaps)
    stamps = stamp(taken_s)
    clock = stamped_clock(stamps)
    assert 1 / clock.period == pytest.approx(50, rel=5e-3)
    times = np.asarray(sample_times(stamps, clock, None))
    assert np.abs(times - taken_s).max() <= off_s + 1e-9
    if name == "1 s":
        # Where the clock stood still when samples were lost, the place is known to a step only.
        assert len(np.flatnonzero(clock.gap[:])) == 2
    else:
        assert {2000, 4100} <= set(np.flatnonzero(clock.gap[:]))
    for row, length_s in gaps:
        assert times[row + 60] - times[row - 60] == pytest.approx(length_s + 120 / 50, abs=off_s + 1e-9)


def test_single_lost_samples_are_gaps_where_the_clock_tells_them():
    taken_s = np.delete(taken(50), [1000, 1777, 3000, 3001])
    for name in ("exact", "rounded milliseconds", "10 ms", "15.625 ms", "pairs"):
        clock = stamped_clock(CLOCKS[name][0](taken_s))
        if name != "pairs":
            assert np.flatnonzero(clock.gap[:]).tolist() == [1000, 1776, 2998], name
        assert 1 / clock.period == pytest.approx(50, rel=2e-3)


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_samples_lost_here_and_there_do_not_lower_the_rate(share):
    kept = np.random.default_rng(2).random(6000) >= share
    assert sampling_rate_hz(np.round(taken(50)[kept], 3)) == pytest.approx(50, rel=1e-3)


@pytest.mark.parametrize("name", ["rounded milliseconds", "10 ms", "15.625 ms", "0.1 s", "pairs", "bursts of 5"])
def test_a_rate_that_drifts_is_followed_on_the_even_clock_in_a_long_recording(name):
    stamp, off_s = CLOCKS[name]
    period_s = 0.02 * (1 + 0.02 * np.sin(np.arange(120_000) / 20_000))
    taken_s = np.cumsum(period_s)
    taken_s[70_000:] += 33.0
    stamps = stamp(taken_s)
    times = sample_times(stamps, stamped_clock(stamps), None)
    # A sample's value is when it was taken, so that the even clock must show its own time.
    ticks, values = on_even_clock(
        times, taken_s[:, None], rate_hz=50, choice="nearest", max_gap_s=0.01, longest_step_s=0.033
    )
    shown = np.asarray(values)[:, 0]
    late = shown - np.asarray(ticks)
    # The sample's own distance to its tick is at most half a period.
    assert np.nanmax(np.abs(late)) <= max(off_s, 0.001) + 0.0103
    assert np.isnan(shown).sum() == pytest.approx(33 * 50, abs=1 + 50 * off_s)
    # By its number alone, a sample would be shown seconds away.
    assert np.abs(taken_s[:70_000] - taken_s[0] - np.arange(70_000) / 50).max() > 5


def test_a_stall_that_is_made_up_for_moves_nothing_around_it():
    taken_s = taken(50)
    stamps = taken_s.copy()
    stamps[3000:3080] = stamps[3080]
    clock = stamped_clock(stamps)
    assert 1 / clock.period == pytest.approx(50, rel=1e-4)
    assert first_surplus(stamps, clock) is None
    np.testing.assert_allclose(np.asarray(sample_times(stamps, clock, None)), taken_s, atol=1e-6)


@pytest.mark.parametrize("times", [2, 3, 400])
@pytest.mark.parametrize("name", ["exact", "rounded milliseconds"])
def test_lines_that_stand_twice_are_told_from_a_coarse_clock(name, times):
    stamps = CLOCKS[name][0](taken(50))
    doubled = np.insert(stamps, [2000] * times, stamps[2000])
    assert first_surplus(doubled, stamped_clock(doubled)) in range(2000, 2004)


@pytest.mark.parametrize("rate_hz", [64.02, 64.3, 66, 128.1])
def test_a_clock_that_steps_a_little_slower_than_the_samples_come_has_no_sample_too_many(rate_hz):
    taken_s = taken(rate_hz)
    stamps = floored(1 / 64)(taken_s)
    clock = stamped_clock(stamps)
    assert (np.diff(stamps) == 0).any()
    assert first_surplus(stamps, clock) is None
    assert 1 / clock.period == pytest.approx(rate_hz, rel=1e-3)
    assert np.abs(np.asarray(sample_times(stamps, clock, None)) - taken_s).max() <= 1 / 64 + 1e-9


@pytest.mark.parametrize("rate_hz", [25, 40, 100])
@pytest.mark.parametrize("name", ["15.625 ms", "1 s", "pairs", "trembling"])
def test_another_rate_is_seen_as_what_it_is(name, rate_hz):
    assert sampling_rate_hz(CLOCKS[name][0](taken(rate_hz))) == pytest.approx(rate_hz, rel=5e-3)


def test_a_period_needs_no_order_and_is_0_where_time_stands_still():
    stamps = np.array([0.0, 0.0, 0.04, 0.04, 0.08, 0.08, 0.01, 0.12])
    assert 0.01 < typical_period(stamps) < 0.03
    assert typical_period(np.full(100, 7.0)) == 0.0


@pytest.mark.parametrize("name", ["15.625 ms", "pairs", "bursts of 16", "trembling"])
def test_nothing_depends_on_the_pieces(name, monkeypatch):
    stamps = CLOCKS[name][0](taken(50, count=400, gaps=[(150, 3.0), (260, 1.0)]))
    clock = stamped_clock(stamps)
    gap, times = np.asarray(clock.gap), np.asarray(sample_times(stamps, clock, None))
    assert gap.sum() == 2
    for block_bytes in (8, 104):
        monkeypatch.setattr(rows, "_BLOCK_BYTES", block_bytes)
        found = stamped_clock(stamps)
        assert found.period == pytest.approx(clock.period, rel=1e-12)
        np.testing.assert_array_equal(np.asarray(found.gap), gap)
        np.testing.assert_array_equal(np.concatenate([found.gap[row : row + 3] for row in range(0, 400, 3)]), gap)
        np.testing.assert_array_equal(np.asarray(sample_times(stamps, clock, None)), times)


@pytest.mark.parametrize("length", range(3, 40))
def test_a_short_recording_with_a_repeated_stamp_has_no_surplus(length):
    """Of any length, also one shorter than the window in which samples too many are searched for."""
    for repeated in range(1, length):
        stamps = np.arange(length) / 50
        stamps[repeated] = stamps[repeated - 1]
        assert first_surplus(stamps, stamped_clock(stamps)) is None
