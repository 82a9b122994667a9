import pytest

from detach_core.foundation.errors import label_fault, refuse_no_label


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "a\nb", "a\tb", "\x1b[2J", "\u202eabc", " a", "a ", "x" * 201]
)
def test_what_is_no_label_is_said(text):
    assert label_fault(text)


@pytest.mark.parametrize("text", ["", "x" * 200, "Öffne <Tür> & *alles* | `x` \"a\" 'b' _c", "開く", "a=b", "1-2"])
def test_what_is_seen_is_a_label(text):
    assert label_fault(text) is None


def test_a_name_of_the_configuration_is_not_empty_and_a_label():
    assert refuse_no_label("Öffne <Tür>") == "Öffne <Tür>"
    for text in ("", "=1", "a\nb"):
        with pytest.raises(ValueError, match="must be"):
            refuse_no_label(text)
