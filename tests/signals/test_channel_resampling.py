"""Channels from samples of their own, against loops over ticks and samples."""

import math

import numpy as np
import pytest

from detach_core.contracts import rows
from detach_core.signals.resampling import ChannelResampling, EvenTicks, ResampledChannels, resampled

NAN = float("nan")


def by_loops(time_s, value, ticks, period_s, rule):
    """The rule's own words, tick by tick."""
    found = []
    for tick in ticks:
        inside = [v for t, v in zip(time_s, value, strict=True) if tick - period_s / 2 <= t < tick + period_s / 2]
        before = [(t, v) for t, v in zip(time_s, value, strict=True) if t < tick + period_s / 2]
        after = [(t, v) for t, v in zip(time_s, value, strict=True) if t >= tick + period_s / 2]
        held = rule.initial if not before else before[-1][1]
        if before and tick - before[-1][0] > rule.max_gap_s:
            held = NAN
        known = [v for v in inside if not math.isnan(v)]
        if rule.way == "hold":
            one = held
        elif rule.way == "impulse":
            is_lost = bool(before) and math.isnan(before[-1][1])
            one = NAN if is_lost else float(sum(v != 0 for v in known))
        elif known:
            one = sum(known) / len(known)
        elif rule.way == "average":
            one = held
        elif before and after and after[0][0] - before[-1][0] <= rule.max_gap_s:
            (t0, v0), (t1, v1) = before[-1], after[0]
            one = v0 + (tick - t0) / (t1 - t0) * (v1 - v0)
        else:
            one = NAN
        one *= rule.factor
        found.append(math.copysign(math.log1p(abs(one)), one) if rule.log and not math.isnan(one) else one)
    return np.array(found)


@pytest.mark.parametrize("way", ["hold", "average", "interpolate", "impulse"])
@pytest.mark.parametrize(
    "more", [{}, {"max_gap_s": 0.7}, {"log": True}, {"factor": -0.5, "log": True}, {"initial": 1.0}]
)
def test_each_rule_is_that_of_the_loops(way, more):
    rule = ChannelResampling(way, **more)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        time_s = np.sort(rng.choice(np.arange(0, 100), 40) / 13)
        value = np.where(rng.random(40) < 0.15, NAN, rng.integers(0, 4, 40).astype(float))
        ticks = np.arange(-5, 95) / 10
        expected = by_loops(time_s.tolist(), value.tolist(), ticks.tolist(), 0.1, rule)
        np.testing.assert_allclose(resampled(time_s, value, ticks, period_s=0.1, rule=rule), expected, rtol=1e-12)


def test_a_switch_holds_its_state_through_and_a_gap_until_it_is_seen_again():
    rule = ChannelResampling("hold", initial=0.0)
    time_s, value = np.array([1.0, 2.0, 3.0]), np.array([1.0, NAN, 0.0])
    found = resampled(time_s, value, np.arange(8) / 2, period_s=0.5, rule=rule)
    np.testing.assert_array_equal(found, [0, 0, 1, 1, NAN, NAN, 0, 0])


def test_a_thermometer_that_reports_seldom_holds_and_one_that_reports_often_is_averaged():
    rule = ChannelResampling("average")
    time_s = np.array([0.0, 10.0, 10.1, 10.2, 10.3])
    found = resampled(time_s, np.array([20.0, 21, 22, 23, 24]), np.arange(12.0), period_s=1.0, rule=rule)
    assert found.tolist() == [20.0] * 10 + [22.5, 24.0]


def test_an_impulse_shorter_than_a_tick_is_counted_once():
    rule = ChannelResampling("impulse")
    time_s, value = np.array([1.01, 1.02, 2.2, 2.21]), np.array([1.0, 0.0, 1.0, 1.0])
    assert resampled(time_s, value, np.arange(4.0), period_s=1.0, rule=rule).tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize("way", ["hold", "average", "interpolate", "impulse"])
@pytest.mark.parametrize("count", [0, 1])
def test_a_channel_with_hardly_any_sample_is_unknown_or_holds_it(way, count):
    rule = ChannelResampling(way)
    found = resampled(np.ones(count), np.full(count, 3.0), np.arange(3.0), period_s=1.0, rule=rule)
    lasts = {"hold": [NAN, 3, 3], "average": [NAN, 3, 3], "interpolate": [NAN, 3, NAN], "impulse": [0, 1, 0]}
    np.testing.assert_array_equal(found, lasts[way] if count else [0.0 if way == "impulse" else NAN] * 3)


def test_rows_do_not_depend_on_how_they_are_read(monkeypatch):
    rng = np.random.default_rng(0)
    samples = [(np.sort(rng.random(50)) * 20, rng.random(50)) for _ in range(3)]
    rules = [ChannelResampling("hold"), ChannelResampling("average"), ChannelResampling("interpolate", max_gap_s=1.0)]
    channels = ResampledChannels(samples, rules, EvenTicks(-1.0, 230, 10.0), 10.0)
    whole = np.asarray(channels)
    assert whole.shape == (230, 3)
    assert whole.dtype == np.float32
    monkeypatch.setattr(rows, "_BLOCK_BYTES", 7 * 12)
    pieces = [piece for _, piece in rows.blocks(channels)]
    assert len(pieces) > 20
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
