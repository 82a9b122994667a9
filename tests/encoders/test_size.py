import pytest

from detach_core.encoders.size import for_size


def test_a_size_picks_its_widths_and_any_other_is_refused():
    assert for_size("small", small=1, paper=2) == 1
    assert for_size("paper", small=1, paper=2) == 2
    with pytest.raises(ValueError, match="size"):
        for_size("large", small=1, paper=2)
