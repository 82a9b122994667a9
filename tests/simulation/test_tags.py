from __future__ import annotations

import numpy as np
import pytest

from detach_core.config.simulation import TagSection
from detach_core.simulation.tags import tag_positions


def _tags(trace, **changes):
    knobs = TagSection.model_validate({"noise_m": 0.3, "lost": 0.02} | changes)
    time_s = np.arange(int(trace.duration_s * 30)) / 30
    return time_s, tag_positions(trace, time_s, knobs, np.random.default_rng(0))


def test_tags_are_whole_millimetres_near_the_person_with_heavy_noise(drill):
    time_s, tags = _tags(drill.trace)
    assert tags.shape == (len(time_s), 12)
    assert np.isnan(tags).mean() == pytest.approx(0.02, abs=0.005)
    np.testing.assert_array_equal(tags[~np.isnan(tags)] % 1, 0)
    place = np.stack([np.interp(time_s, drill.trace.time_s, drill.trace.person_xy_m[:, axis]) for axis in (0, 1)], 1)
    off = np.abs(tags[:, :2] / 1000 - place)
    assert 0.15 < np.nanmedian(off) < 0.6


def test_tags_sit_on_both_shoulders(drill):
    _, tags = _tags(drill.trace, noise_m=0.0, lost=0.0)
    gap = np.median(np.linalg.norm(tags[:, :2] - tags[:, 6:8], axis=1))
    assert gap == pytest.approx(400, rel=0.02)
    assert np.median(tags[:, 2]) == pytest.approx(820 * drill.trace.person.height_m, rel=0.02)
