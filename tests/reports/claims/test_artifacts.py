import pytest

from detach_core.foundation.errors import UserError
from detach_core.reports.claims.artifacts import splits_of


def test_what_was_not_given_is_named(made):
    artifacts = made.artifacts({("assignments", "default"): [made.stage_one()]})
    with pytest.raises(UserError, match="no-refinement on opportunity, split default, seed 0"):
        artifacts.of("assignments", "opportunity", "default", "no-refinement")


def test_the_splits_of_a_dataset_are_those_of_the_table():
    claim = {"parts": [("opportunity", "a"), ("hwu_usp", "b"), ("opportunity", "c")]}
    assert list(splits_of(claim, "opportunity")) == ["a", "c"]
