from pathlib import Path

import pytest
from PIL import Image

from detach_core.config.load import load_config
from detach_core.config.yaml_file import read_default
from detach_core.reports.pages import markers
from detach_core.stages.results_page import MAX_BYTES, results_page

ROOT = Path(__file__).resolve().parents[2]


def block(name):
    return "\n".join(markers(name))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "results.md").write_text(f"by hand\n{block('table1')}\n{block('figure4')}\nmine too\n")
    (tmp_path / "table1.md").write_text("**Table 1.** Words.\n\n| a |\n|---|\n| 1 |\n")
    (tmp_path / "figure4.md").write_text("**Figure 4.** Words.\n\n![Figure 4](figure4.png)\n")
    Image.new("RGB", (2000, 900), "navy").save(tmp_path / "figure4.png")
    return tmp_path


def run(folder):
    results_page(
        table_paths=[folder / "table1.md"],
        figure_paths=[folder / "figure4.md"],
        page_path=folder / "docs" / "results.md",
        done_path=folder / "done",
        log_path=folder / "log",
    )
    return (folder / "docs" / "results.md").read_text()


def test_tables_and_figures_stand_between_their_markers_and_what_is_by_hand_stays(folder):
    text = run(folder)
    assert text.startswith("by hand\n<!-- table1: begin -->\n**Table 1.** Words.\n\n| a |")
    assert "![Figure 4](images/results/figure4.png)\n<!-- figure4: end -->\nmine too\n" in text
    assert (folder / "done").exists()


def test_the_picture_is_a_small_copy_beside_the_page(folder):
    run(folder)
    small = folder / "docs" / "images" / "results" / "figure4.png"
    assert small.stat().st_size <= MAX_BYTES
    with Image.open(small) as picture:
        assert picture.width < 2000


def test_writing_twice_changes_nothing(folder):
    assert run(folder) == run(folder)


def test_a_page_without_a_place_for_a_figure_is_refused_and_left_alone(folder, capfd):
    (folder / "docs" / "results.md").write_text(block("table1"))
    with pytest.raises(SystemExit):
        run(folder)
    assert (folder / "docs" / "results.md").read_text() == block("table1")
    assert "markers of figure4" in capfd.readouterr().err
    assert not (folder / "done").exists()


def test_the_page_has_a_place_and_a_reading_for_every_table_and_figure_of_the_default_run():
    document = load_config(read_default(checkout=ROOT)).document
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for name in (*document.tables, *document.figures):
        assert [text.count(marker) for marker in markers(name)] == [1, 1], name
        assert text.count(f"<!-- reading of {name}: begin") == text.count(f"<!-- reading of {name}: end") == 1, name
