from __future__ import annotations

import numpy as np
import pytest

from detach_core.config.simulation import AccelerometerSection
from detach_core.simulation.accelerometer_faults import deckchair_force, with_faults

CLEAN = {
    "noise_mg": 1, "shake_mg": 0, "cross_talk": 0, "bumps_hz": 0, "bump_mg": 0, "ring": 0, "bias_mg": 0, "drift_mg": 0,
    "lost_bursts_per_h": 0,
}  # fmt: skip
STILL = np.tile([0.0, 0.0, 1000.0], (30 * 3600, 1))


def _read(**changes):
    knobs = AccelerometerSection.model_validate(CLEAN | changes)
    return with_faults(STILL, rate_hz=30.0, knobs=knobs, generator=np.random.default_rng(0))


def test_readings_are_whole_milli_g_with_the_noise_that_was_asked_for():
    read = _read(noise_mg=25)
    np.testing.assert_array_equal(read, np.round(read))
    assert (read - STILL).std() == pytest.approx(25, rel=0.01)


def test_bias_is_constant_and_drift_is_slow():
    biased = _read(bias_mg=30).mean(axis=0) - STILL[0]
    assert 5 < np.abs(biased).max() < 120
    drifting = _read(drift_mg=30)
    minutes = drifting.reshape(-1, 30 * 60, 3).mean(axis=1)
    assert minutes.std(axis=0).max() > 5
    assert np.abs(np.diff(drifting.reshape(-1, 30, 3).mean(axis=1), axis=0)).max() < 5


def test_samples_are_lost_in_rare_short_bursts_of_all_axes():
    lost = np.isnan(_read(lost_bursts_per_h=60))
    assert (lost.all(axis=1) == lost.any(axis=1)).all()
    starts = int((np.diff(lost[:, 0].astype(int)) == 1).sum())
    assert 40 < starts < 80
    assert lost.mean() < 0.02
    assert not np.isnan(_read()).any()


def test_the_deckchair_tilts_under_a_person_who_is_near():
    posture = np.repeat([0.0, 1.0], 500)
    generator = np.random.default_rng(0)
    sat = deckchair_force(posture, np.ones(1000), 100.0, generator)
    away = deckchair_force(posture, np.zeros(1000), 100.0, generator)
    assert sat[600:, 0].mean() > sat[:400, 0].mean() + 80
    assert np.abs(np.diff(away, axis=0)).max() < 1e-9
