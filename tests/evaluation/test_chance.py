import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from detach_core.evaluation.metrics import chance_level


@pytest.mark.parametrize("counts", [(4, 4, 4, 3, 3), (1, 9), (20, 20, 20)])
def test_chance_is_the_mean_score_of_random_guesses(counts):
    label, num_classes = np.repeat(np.arange(len(counts)), counts), len(counts)
    found = chance_level(label, num_classes, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    f1 = [
        f1_score(label, rng.integers(num_classes, size=len(label)), average="weighted", zero_division=0)
        for _ in range(400)
    ]
    precision = [
        np.mean([average_precision_score(label == k, rng.random(len(label))) for k in range(num_classes)])
        for _ in range(400)
    ]
    assert found.f1_weighted == pytest.approx(np.mean(f1), abs=4 * np.std(f1) / 20)
    assert found.map == pytest.approx(np.mean(precision), abs=4 * np.std(precision) / 20)


def test_the_guess_of_few_units_ranks_better_than_the_share_of_their_class():
    found = chance_level(np.repeat(np.arange(5), (4, 4, 4, 3, 3)), 5, np.random.default_rng(0))
    assert found.f1_weighted == pytest.approx(0.190, abs=0.006)
    assert found.map == pytest.approx(0.317, abs=0.006)


def test_a_class_without_a_unit_is_guessed_in_vain():
    with_absent = chance_level(np.array([0, 0, 1, 1]), 4, np.random.default_rng(0))
    without = chance_level(np.array([0, 0, 1, 1]), 2, np.random.default_rng(0))
    assert with_absent.f1_weighted < without.f1_weighted - 0.1
    assert with_absent.map == pytest.approx(without.map, abs=0.02)


def test_the_generator_alone_decides_and_no_unit_is_refused():
    label = np.arange(9) % 3
    one, again = (chance_level(label, 3, np.random.default_rng(5)) for _ in range(2))
    assert one == again
    with pytest.raises(ValueError, match="labels"):
        chance_level(np.array([], dtype=int), 3, np.random.default_rng(0))
