import dataclasses

import numpy as np
import pytest

from detach_core.evaluation.claims import easy_near_one, hard_above_false, mean_weight, separation_grows
from detach_core.evaluation.settings import EasyWeightSettings, WeightGapSettings


@pytest.fixture
def artifacts(made):
    def build(*pairs):
        return made.artifacts({("negative_pairs", "detach"): list(pairs)}, seeds=tuple(range(len(pairs))))

    return build


def small(made, **changes):
    """Pairs on windows that the hand-made home has."""
    pairs = made.make_pairs(**changes)
    return dataclasses.replace(pairs, window=np.arange(len(pairs.window)))


def test_the_mean_weight_of_a_kind_is_that_of_a_loop(made):
    pairs = small(made)
    times = np.random.default_rng(0).integers(0, 3, len(pairs.window)).astype(float)
    for code, kind in enumerate(pairs.kind_names):
        total, sum_ = 0.0, 0.0
        for i in range(len(times)):
            for j in range(len(times)):
                if pairs.kind[i, j] == code:
                    total += times[i] * times[j]
                    sum_ += times[i] * times[j] * float(pairs.snapshots[1].weight[i, j])
        assert mean_weight(pairs, kind, 1, times[None])[0] == pytest.approx(sum_ / total)


def test_false_negatives_that_lose_weight_separate_from_hard_ones(made, claim, artifacts):
    runs = artifacts(small(made, seed=0), small(made, seed=1))
    (end,) = hard_above_false(claim(WeightGapSettings, variant="detach"), "opportunity", runs)
    (growth,) = separation_grows(claim(WeightGapSettings, variant="detach"), "opportunity", runs)
    # They lose .05 an epoch, over ten epochs.
    assert end.estimate.value == pytest.approx(0.5, abs=0.03)
    assert growth.estimate.value == pytest.approx(0.5, abs=0.03)
    assert min(end.estimate.low, growth.estimate.low) > 0.3
    assert end.splits == ("default",)


def test_weights_that_do_not_change_do_not_separate(made, claim, artifacts):
    flat = small(made, weight=lambda epoch, kind, label: np.ones(kind.shape))
    (line,) = separation_grows(claim(WeightGapSettings, variant="detach"), "opportunity", artifacts(flat))
    assert line.estimate.value == line.estimate.high == 0.0


@pytest.mark.parametrize("level", [0.7, 1.0, 1.4])
def test_distance_of_the_easy_weight_from_one(made, claim, artifacts, level):
    pairs = small(made, weight=lambda epoch, kind, label: np.where(kind == 0, level, 2.0))
    (line,) = easy_near_one(claim(EasyWeightSettings, variant="detach"), "opportunity", artifacts(pairs))
    assert line.estimate.value == pytest.approx(abs(level - 1.0), abs=1e-6)


def test_a_kind_that_does_not_occur_leaves_the_claim_out(made, claim, artifacts):
    (line,) = hard_above_false(
        claim(WeightGapSettings, variant="detach"), "opportunity", artifacts(small(made, label=[0, 2, 0, 2]))
    )
    assert line.estimate is None
    assert "kind of pair" in line.note
