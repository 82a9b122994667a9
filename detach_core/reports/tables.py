"""One table as four files: `.csv` with every column, `.md`, `.tex` and `.html` for readers."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from detach_core.foundation.files import write_text
from detach_core.reports.marked_text import parts, plain
from detach_core.reports.web_table import web_table

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
    "`": r"\textasciigrave{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\ttfamily\symbol{34}}",
}
# The second of the two stays, so that no pair becomes a dash or a quotation mark.
_TEX_PATTERN = re.compile("|".join([*map(re.escape, _TEX), "-(?=-)", "'(?=')", ",(?=,)"]))


def write_table(csv_path: Path | str, *, title: str, caption: str, frame: pd.DataFrame, shown: pd.DataFrame) -> None:
    """Write `frame` as csv at `csv_path`, and `shown` beside it as `.md`, `.tex` and `.html`."""
    csv_path = Path(csv_path)
    numbers = frame.to_csv(index=False, float_format="%.6f", lineterminator="\n")
    tex = latex(shown, title, caption, label=csv_path.stem)
    files = {csv_path.name: numbers, f"{csv_path.stem}.tex": tex}
    write_text(csv_path.with_suffix(".md"), markdown(shown, title, caption))
    write_text(csv_path.with_suffix(".tex"), tex)
    write_text(csv_path.with_suffix(".html"), web_table(shown, title, caption, downloads=files))
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
