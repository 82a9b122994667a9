from __future__ import annotations

import numpy as np

from detach_core.config.simulation import DistractorSection
from detach_core.simulation.surroundings import surroundings

TIME_S = np.arange(0, 600, 0.1)


def _signals(**changes):
    knobs = {"idle_gesture": 0.0, "sway_per_min": 1.0, "passer_by_per_min": 1.0} | changes
    return surroundings(TIME_S, DistractorSection.model_validate(knobs), np.random.default_rng(0))


def test_things_sway_now_and_then_and_between_0_and_1():
    for name, signal in _signals().items():
        assert signal.min() == 0, name
        assert 0.2 < signal.max() <= 1, name
        assert 0.02 < (signal > 0.01).mean() < 0.6, name


def test_without_distractors_nothing_moves():
    assert all((signal == 0).all() for signal in _signals(sway_per_min=0.0, passer_by_per_min=0.0).values())
