from pathlib import Path

import pytest

from tools.make_knob_table import page_text

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_table_of_knobs_is_the_configs():
    assert (DOCS / "simulation.md").read_text() == page_text(), "run ./run python -m tools.make_knob_table"


@pytest.mark.parametrize("name", ["contact_sheet_opportunity.png", "contact_sheet_hwu.png", "signals_opportunity.png"])
def test_the_pictures_of_the_page_are_there(name):
    assert (DOCS / "images" / name).stat().st_size > 10_000
