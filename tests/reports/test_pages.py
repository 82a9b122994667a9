import pytest

from detach_core.foundation.errors import BadInputError
from detach_core.reports.pages import fill_blocks, markers

A, Z = markers("table1")
PAGE = f"# Page\n\n{A}\nold\n{Z}\n\nby hand\n{markers('table10')[0]}{markers('table10')[1]}\n"


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


def test_a_block_takes_its_place_and_all_else_stays(page):
    fill_blocks(page, {"table1": "\nnew\n"})
    assert page.read_text() == PAGE.replace("old", "new")


def test_filling_twice_changes_nothing(page):
    blocks = {"table1": "one", "table10": "ten"}
    fill_blocks(page, blocks)
    once = page.read_text()
    fill_blocks(page, blocks)
    assert page.read_text() == once
    assert "ten" in once.split("by hand")[1]


@pytest.mark.parametrize("text", ["none", f"{Z}{A}", f"{A}{A}{Z}", f"{A}{Z}{Z}", A])
def test_a_page_without_the_markers_of_any_block_is_refused_and_left_alone(page, text):
    page.write_text(f"{text} {markers('table2')[0]}{markers('table2')[1]}")
    before = page.read_text()
    with pytest.raises(BadInputError, match=r"markers of table1.*put them around the place of the block"):
        fill_blocks(page, {"table2": "x", "table1": "y"})
    assert page.read_text() == before
