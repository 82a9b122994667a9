import io
from dataclasses import dataclass

import pandas as pd
import pytest

from detach_core.contracts.lists import ListRow
from detach_core.reports.tables import escape_tex, latex, markdown, write_table

FRAME = pd.DataFrame({"a_b": ["x|y", "50 %"], "value": [0.1234567, None], "source": "simulated"})
SHOWN = pd.DataFrame({"A & B": ["x|y", "50 %"], "Value": ["0.12 ± 0.01", ""]})


@dataclass(frozen=True)
class Line(ListRow):
    schema = "test.lines/1"

    a_b: str
    value: float | None
    source: str


def test_five_files_stand_beside_each_other(tmp_path):
    words = {"title": "Table 1", "caption": "Simulated data."}
    write_table(tmp_path / "table1.csv", **words, frame=FRAME, shown=SHOWN, row=Line)
    kinds = ("csv", "html", "md", "parquet", "tex")
    assert {path.name for path in tmp_path.iterdir()} == {f"table1.{kind}" for kind in kinds}
    read = pd.read_csv(io.StringIO((tmp_path / "table1.csv").read_text()))
    assert read["value"].iloc[0] == pytest.approx(0.123457)
    assert pd.isna(read["value"].iloc[1])
    exact = pd.read_parquet(tmp_path / "table1.parquet")
    assert exact["value"].iloc[0] == 0.1234567
    assert exact["a_b"].tolist() == ["x|y", "50 %"]
    assert exact.attrs["source"] == "simulated"
    assert "Simulated data." in (tmp_path / "table1.md").read_text()
    assert r"\label{tab:table1}" in (tmp_path / "table1.tex").read_text()
    assert all(f'download="table1.{kind}"' in (tmp_path / "table1.html").read_text() for kind in ("csv", "tex"))


def test_markdown_escapes_bars_and_keeps_every_row_as_wide():
    lines = markdown(SHOWN, "Table 1", "Caption.").splitlines()
    assert lines[0] == "**Table 1.** Caption."
    assert r"x\|y" in lines[4]
    assert len({len(line) for line in lines[2:]}) == 1


def test_latex_uses_booktabs_and_escapes_what_is_special():
    text = latex(SHOWN, "Table 1", "by_recording, 95%", label="table1")
    for words in (r"\toprule", r"\midrule", r"\bottomrule", r"A \& B", r"50 \%", r"$\pm$", r"by\_recording, 95\%"):
        assert words in text
    assert text.count("&") - text.count(r"\&") == 3


@pytest.mark.parametrize(
    ("plain", "escaped"),
    [("\\", r"\textbackslash{}"), ("{}", r"\{\}"), ("a^b~c", r"a\textasciicircum{}b\textasciitilde{}c"), (3, "3")],
)
def test_each_special_character_is_escaped_once(plain, escaped):
    assert escape_tex(plain) == escaped
