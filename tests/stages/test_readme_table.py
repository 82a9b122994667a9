import pytest

from detach_core.reports.pages import markers
from detach_core.stages.readme_table import BLOCK, readme_table

BEGIN, END = markers(BLOCK)


def run(tmp_path, page_text):
    (tmp_path / "table.md").write_text("| a |\n|---|\n| 1 |\n")
    (tmp_path / "README.md").write_text(page_text)
    readme_table(
        table_path=tmp_path / "table.md",
        readme_path=tmp_path / "README.md",
        done_path=tmp_path / "done",
        log_path=tmp_path / "log",
    )
    return (tmp_path / "README.md").read_text()


def test_the_table_stands_between_the_markers_and_the_rest_stays(tmp_path):
    text = run(tmp_path, f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert text == f"before\n{BEGIN}\n| a |\n|---|\n| 1 |\n{END}\nafter\n"
    assert (tmp_path / "done").exists()


def test_writing_twice_changes_nothing(tmp_path):
    once = run(tmp_path, f"{BEGIN}\n{END}\n")
    assert run(tmp_path, once) == once


@pytest.mark.parametrize("page", ["no markers", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n{END}\n"])
def test_a_page_without_its_markers_is_refused_and_left_alone(tmp_path, page, capfd):
    with pytest.raises(SystemExit):
        run(tmp_path, page)
    assert (tmp_path / "README.md").read_text() == page
    assert not (tmp_path / "done").exists()
    assert "markers" in capfd.readouterr().err
