import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_table_of_knobs_is_the_configs():
    module = runpy.run_path(str(DOCS / "calibration" / "knob_table.py"))
    assert (DOCS / "simulation.md").read_text() == module["page_text"](), (
        "run ./run python docs/calibration/knob_table.py"
    )


@pytest.mark.parametrize("name", ["contact_sheet_opportunity.png", "contact_sheet_hwu.png", "signals_opportunity.png"])
def test_the_pictures_of_the_page_are_there(name):
    assert (DOCS / "images" / name).stat().st_size > 10_000
