from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detach_core.signals.sample_times import median

POSITIVE = st.floats(0.0, 1e300, allow_subnormal=True)


@settings(deadline=None, max_examples=50)
@given(st.lists(POSITIVE, min_size=1, max_size=30), st.integers(1, 7))
def test_it_is_the_median_of_numpy_to_the_bit(values, size):
    array = np.array(values)
    found = median(lambda: (array[first : first + size] for first in range(0, len(array), size)))
    assert found == np.median(array)


def test_steps_of_a_clock_have_their_median():
    steps = np.diff(np.round(np.arange(100_000) / 30, 3))
    assert median(lambda: iter(np.array_split(steps, 9))) == np.median(steps)


def test_zeros_of_either_sign_are_equal():
    assert median(lambda: [np.array([-0.0, 0.0, -0.0, 5.0, 7.0])]) == 0.0


@pytest.mark.parametrize(
    ("values", "words"), [([], "no median"), ([1.0, -1.0], "at least 0"), ([1.0, np.nan], "at least 0")]
)
def test_what_has_no_such_median_is_refused(values, words):
    with pytest.raises(ValueError, match=words):
        median(lambda: [np.array(values)])
