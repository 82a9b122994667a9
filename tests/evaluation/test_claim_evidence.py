import pytest

from detach_core.evaluation.claim_evidence import verdict
from detach_core.evaluation.intervals import Estimate


@pytest.mark.parametrize(
    ("low", "high", "below", "expected"),
    [
        (0.01, 0.2, False, "holds"),
        (-0.01, 0.2, False, "undecided"),
        (0.0, 0.0, False, "undecided"),
        (-0.2, -0.01, False, "does not hold"),
        (-0.2, -0.01, True, "holds"),
        (-0.2, 0.01, True, "undecided"),
        (0.01, 0.2, True, "does not hold"),
    ],
)
def test_the_whole_interval_decides(low, high, below, expected):
    for threshold in (0.0, 0.3):
        estimate = Estimate(0.0, low + threshold, high + threshold)
        assert verdict(estimate, threshold, below=below) == expected
