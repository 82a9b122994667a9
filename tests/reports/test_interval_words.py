import pytest

from detach_core.reports.captions import interval_words


@pytest.mark.parametrize(
    ("seeds", "splits", "expected", "missing"),
    [
        (1, 1, ("95% bootstrap interval over units,", "with one seed it does not cover"), ("split alone", "Student")),
        (3, 1, ("Student's t over units and seeds,", "for this split alone"), ("with one seed",)),
        (3, 4, ("Student's t over units, seeds and splits,",), ("with one seed", "split alone")),
        (1, 4, ("Student's t over units and splits,",), ("with one seed", "split alone", "seeds")),
    ],
)
def test_the_words_say_what_is_varied_and_what_is_not(seeds, splits, expected, missing):
    words = interval_words(0.95, units="units", seeds=seeds, splits=splits)
    assert all(one in words for one in expected)
    assert not any(one in words for one in missing)
    assert "for the expected value on tests of this size" in words
