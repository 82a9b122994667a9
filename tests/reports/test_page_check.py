import pandas as pd
import pytest

from detach_core.contracts.lists import ListRow
from detach_core.foundation.errors import ContractError
from detach_core.reports.pages import check_caption, check_page
from detach_core.reports.tables import write_table

FRAME = pd.DataFrame({"Class": ["<b>", "url(x)"], "F1": ["0.5 [0.1, 0.9]", ""]})


@pytest.fixture
def table(tmp_path):
    frame = FRAME.assign(source="simulated")
    write_table(tmp_path / "t.csv", title="A <T>", caption="With `code`.", frame=frame, shown=FRAME, row=ListRow)
    return tmp_path / "t"


def test_what_this_project_writes_passes(table):
    check_page(table.with_suffix(".html"), rule="table")
    check_caption(table.with_suffix(".md"), rule="table")


@pytest.mark.parametrize(
    "content",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<p onclick=alert(1)>x</p>",
        '<a href="javascript:alert(1)">x</a>',
        '<a href="data:text/html;base64,AAAA">x</a>',
        "<iframe></iframe>",
        "<style>@import url(http://a)</style>",
        '<meta http-equiv="refresh" content="0;url=http://a">',
        "<svg/onload=alert(1)>",
        "<!-- x -->",
        "<?xml ?>",
    ],
)
def test_a_page_with_more_than_a_table_is_refused(table, content):
    path = table.with_suffix(".html")
    path.write_text(path.read_text().replace("</body>", f"{content}</body>"))
    with pytest.raises(ContractError, match=r"rerun the rule `table`"):
        check_page(path, rule="table")


@pytest.mark.parametrize(
    "line",
    [
        ".. raw:: html",
        ".. include:: /etc/passwd",
        "`x <javascript:alert(1)>`_",
        "https://a.b",
        "|x|",
        "# a\n.. x",
        "a_",
    ],
)
def test_a_caption_with_more_than_text_and_code_is_refused(table, line):
    path = table.with_suffix(".md")
    path.write_text(f"{line}\n\n| a |\n" if not line.startswith("#") else f".. image:: x\n{line}")
    with pytest.raises(ContractError, match=r"rerun the rule `table`"):
        check_caption(path, rule="table")
