import re
import subprocess
import sys
from pathlib import Path

import pytest

from detach_core.reports import captions
from detach_core.reports.captions import YOURS, Caption, heading, numbered, pooling_note, table_caption

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("table1", "Table 1"),
        ("figure10", "Figure 10"),
        ("figure8_hwu_usp", "Figure 8 (hwu_usp)"),
        ("mine", "mine"),
        ("tables", "tables"),
    ],
)
def test_names_of_the_papers_tables_and_figures_are_written_out(name, words):
    assert numbered(name) == words


def test_every_table_of_the_paper_says_what_it_shows_and_what_the_paper_saw():
    assert sorted(captions.TABLES) == [f"table{number}" for number in range(1, 8)]
    for caption in captions.TABLES.values():
        assert caption.section[0] in "126"
        assert len(caption.shown) > 40
        assert caption.paper
        assert caption.text == f"{caption.shown} {caption.paper}"
    assert len({caption.title for caption in captions.TABLES.values()}) == 7


def test_the_text_of_a_caption_can_stand_in_markdown_and_in_restructured_text():
    for caption in captions.TABLES.values():
        assert not set("|*\n<>") & set(caption.text + caption.title)
        assert "_ " not in caption.text


def test_only_tables_with_the_protocol_of_rotating_folds_speak_of_pooled_scores():
    assert pooling_note(["by_recording", "by_subject"]) == ""
    note = pooling_note(["by_recording", "paper"])
    assert note.startswith("mAP under `paper` ranks the scores of its folds' classifiers together.")
    assert not set("|*\n<>") & set(note)
    page = re.search(r"docs/statistics/\w+\.md", note)
    assert (ROOT / page[0]).is_file()


def test_a_table_of_ones_own_goes_by_its_name():
    caption = table_caption("rooms")
    assert (caption.section, heading("rooms", caption)) == (YOURS, "rooms")


def test_a_heading_is_number_and_title():
    assert heading("table2", Caption("", "Weights off", "")) == "Table 2. Weights off"


def test_the_snakefile_reads_captions_without_loading_numpy_or_pandas():
    code = "import detach_core.reports.figures.registry, sys; sys.exit(bool({'pandas', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
