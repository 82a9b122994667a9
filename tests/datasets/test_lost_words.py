from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from detach_core.datasets.registry import LOST_WORDS
from detach_core.datasets.text_file import LostWords


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "nan",
        "NAN",
        "nAn",
        "+nan",
        "-NaN",
        "nan(ind)",
        "-nan(IND)",
        "nan(0x7ff)",
        "1.#QNAN",
        "-1.#IND",
        "1.#IND00",
    ],
)
def test_every_spelling_of_nan_is_lost(text):
    assert text in LostWords(())


@pytest.mark.parametrize("text", ["", "  ", "?", "NULL", "None", "N/A", "na", "Unavailable", " unknown ", "-"])
def test_the_default_words_are_lost_in_any_case(text):
    assert text in LostWords(LOST_WORDS)


@pytest.mark.parametrize(
    "text", ["0", "-1", "inf", "-inf", "1.#INF", "nano", "nan1", "naan", "unavailable5", "--", "ajar"]
)
def test_nothing_else_is(text):
    assert text not in LostWords(LOST_WORDS)


def test_other_words_are_lost_when_configured():
    assert "Gone" in LostWords(["gone"])
    assert "?" not in LostWords(["gone"])


def test_the_configured_words_are_the_documented_ones():
    datasets = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8"))["datasets"]
    for dataset in datasets.values():
        assert dataset["native"]["lost_words"] == list(LOST_WORDS)
