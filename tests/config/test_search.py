import pytest

from detach_core.config.variants import CHANGEABLE, COMMON


def test_candidates_change_shared_sections_that_stage_1_does_not_stand_on():
    assert set(CHANGEABLE) == set(COMMON) - {"input", "encoders", "video", "snapshots"}


@pytest.mark.parametrize(
    ("candidates", "line"),
    [
        ({}, "search.candidates: must be a list"),
        ([3], "search.candidates[0]: must be a section"),
        ([{"optimizer": 3}], "search.candidates[0].optimizer: must be a section"),
        ([{"optimizer": {"lr": 0.1 / k}} for k in range(1, 18)], "search.candidates: must have at most 16 entries"),
    ],
)
def test_what_is_no_list_of_changes_is_refused(set_key, mistakes, candidates, line):
    assert mistakes(set_key("search.candidates", candidates))[0].startswith(line)
