"""Tables as five files: `.csv` and `.parquet` with every column, `.md`, `.tex` and `.html` for readers."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path

import pandas as pd

from detach_core.contracts.lists import ListRow
from detach_core.foundation.errors import ContractError
from detach_core.foundation.files import write_text
from detach_core.reports.captions import as_html, parts, plain
from detach_core.reports.lists import facts_of, write_list


def refuse_mixed_sources(paths: Sequence[str | Path], sources: Sequence[str]) -> None:
    """Check that the artifacts at `paths` have one data source.

    Raises:
        ContractError: one has another source than the first; it names both.
    """
    for path, source in zip(paths, sources, strict=True):
        if source != sources[0]:
            raise ContractError(
                path,
                "source",
                expected=f"{sources[0]}, as in {paths[0]}",
                found=source,
                remedy="give all datasets of a table the same source in the config",
            )


_FIGURE = re.compile(r"[-+]?\d[\d.]*( ± [\d.]+)?( \[.*\])?( †)?")

_STYLE = """
body { font: 13px/1.45 system-ui, sans-serif; color: #1a1a1a; background: #fff; margin: 1.5rem; }
h1 { font-size: 1.15rem; margin: 0 0 .4rem; }
p { max-width: 60rem; margin: 0 0 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .5rem; text-align: left; vertical-align: top; }
th { border-bottom: 1.5px solid #1a1a1a; white-space: nowrap; }
td { border-bottom: 1px solid #e4e4e4; max-width: 26rem; }
td.figure { white-space: nowrap; }
tbody + tbody tr:first-child td { border-top: 1.5px solid #8c8c8c; }
code { font-size: .92em; background: #f1f1f1; padding: 0 .2em; }
"""


def web_table(shown: pd.DataFrame, title: str, caption: str, *, downloads: Mapping[str, str]) -> str:
    """HTML page of a table with title and caption; all text is escaped.

    Args:
        shown: the rows as readers see them; rows that follow each other with an equal first cell stand together.
        title: the heading.
        caption: a marked text (`marked_text.py`).
        downloads: file name -> text; links below the table that hold the files themselves.
    """
    head = "".join(f"<th>{escape(str(name))}</th>" for name in shown.columns)
    rows = [[str(cell) for cell in row] for row in shown.to_numpy().tolist()]
    groups = [list(group) for _, group in groupby(rows, key=lambda row: row[0])]
    # Where nearly every row differs in its first cell, that cell groups nothing.
    bodies = "".join(_body(group) for group in (groups if 2 * len(groups) <= len(rows) else [rows]))
    links = " · ".join(_link(name, text) for name, text in downloads.items())
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n<p>{as_html(caption)}</p>\n"
        f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n{bodies}</table></div>\n'
        f"<p><br>{links}</p>\n</body>\n</html>\n"
    )


def _body(rows: list[list[str]]) -> str:
    lines = ("<tr>" + "".join(map(_cell, row)) + "</tr>\n" for row in rows)
    return f"<tbody>\n{''.join(lines)}</tbody>\n"


def _cell(text: str) -> str:
    """A cell; a value with its interval is not broken into lines."""
    return f'<td class="figure">{escape(text)}</td>' if _FIGURE.fullmatch(text) else f"<td>{escape(text)}</td>"


def _link(name: str, text: str) -> str:
    content = b64encode(text.encode()).decode()
    return f'<a download="{escape(name)}" href="data:text/plain;base64,{content}">{escape(name)}</a>'


_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "†": r"\textdagger{}",
    "`": r"\textasciigrave{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\ttfamily\symbol{34}}",
}


# The second of the two stays, so that no pair becomes a dash or a quotation mark.
_TEX_PATTERN = re.compile("|".join([*map(re.escape, _TEX), "-(?=-)", "'(?=')", ",(?=,)"]))


def write_table(
    csv_path: Path | str, *, title: str, caption: str, frame: pd.DataFrame, shown: pd.DataFrame, row: type[ListRow]
) -> None:
    """Write `frame` as csv at `csv_path` and beside it as `.parquet`, and `shown` as `.md`, `.tex` and `.html`.

    Raises:
        ValueError: `frame` has other columns than `row`, or values of other types.
    """
    csv_path = Path(csv_path)
    numbers = frame.to_csv(index=False, float_format="%.6f", lineterminator="\n")
    tex = latex(shown, title, caption, label=csv_path.stem)
    files = {csv_path.name: numbers, f"{csv_path.stem}.tex": tex}
    write_text(csv_path.with_suffix(".md"), markdown(shown, title, caption))
    write_text(csv_path.with_suffix(".tex"), tex)
    write_text(csv_path.with_suffix(".html"), web_table(shown, title, caption, downloads=files))
    write_list(csv_path.with_suffix(".parquet"), frame, row, facts_of(frame))
    # The file that the workflow waits for comes last: when it is there, all are.
    write_text(csv_path, numbers)


def markdown(shown: pd.DataFrame, title: str, caption: str) -> str:
    """A Markdown table under its title, its columns aligned in plain text too; `caption` is a marked text.

    The first line is title and caption, which the report's page reads as reStructuredText.
    """
    rows = [list(map(plain, line)) for line in (shown.columns, *shown.to_numpy().tolist())]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([f"**{plain(title)}.** {caption}", "", lines[0], rule, *lines[1:], ""])


def latex(shown: pd.DataFrame, title: str, caption: str, *, label: str) -> str:
    """A `table` environment for the package booktabs; all is escaped, `caption` is a marked text."""
    # Behind a line's end a bracket would begin a length, a star a line that is not to be broken.
    guard = {"[": "{}", "*": "{}"}
    body = [
        guard.get(str(row[0])[:1], "") + " & ".join(escape_tex(cell) for cell in row) + r" \\"
        for row in shown.to_numpy().tolist()
    ]
    header = " & ".join(escape_tex(name) for name in shown.columns) + r" \\"
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape_tex(title)}. {_tex_of(caption)}}}",
            rf"\label{{tab:{label}}}",
            rf"\begin{{tabular}}{{{'l' * len(shown.columns)}}}",
            r"\toprule",
            header,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _tex_of(marked: str) -> str:
    return "".join(
        rf"\texttt{{{escape_tex(text)}}}" if is_code else escape_tex(text) for text, is_code in parts(marked)
    )


def escape_tex(value: object) -> str:
    """`value` as LaTeX text, in which no character stands for another and no two for one."""
    return _TEX_PATTERN.sub(lambda found: _TEX.get(found.group(), f"{found.group()}{{}}"), str(value))
