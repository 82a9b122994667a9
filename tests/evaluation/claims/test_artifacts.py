import pytest

from detach_core.evaluation.settings import Claim, ClaimSettings
from detach_core.foundation.errors import UserError


def test_what_was_not_given_is_named(made):
    artifacts = made.artifacts({("assignments", "default"): [made.stage_one()]})
    with pytest.raises(UserError, match="no-refinement on opportunity, split default, seed 0"):
        artifacts.of("assignments", "opportunity", "default", "no-refinement")


def test_the_splits_of_a_dataset_are_those_of_the_table():
    settings = ClaimSettings(measure="x", table="table1", datasets=("opportunity",), threshold=0.0)
    claim = Claim(settings, (("opportunity", "a"), ("hwu_usp", "b"), ("opportunity", "c")))
    assert claim.splits_of("opportunity") == ("a", "c")
