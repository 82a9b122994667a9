"""One table as four files: `.csv` with every column, `.md`, `.tex` and `.html` for readers."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from detach_core.contracts.atomic import write_text
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
}
_TEX_PATTERN = re.compile("|".join(re.escape(character) for character in _TEX))


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
    """A Markdown table under its title, its columns aligned in plain text too."""
    rows = [[str(name) for name in shown.columns], *([_md(cell) for cell in row] for row in shown.to_numpy().tolist())]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([f"**{title}.** {caption}", "", lines[0], rule, *lines[1:], ""])


def latex(shown: pd.DataFrame, title: str, caption: str, *, label: str) -> str:
    """A `table` environment for the package booktabs; every special character is escaped."""
    body = [" & ".join(escape_tex(cell) for cell in row) + r" \\" for row in shown.to_numpy().tolist()]
    header = " & ".join(escape_tex(name) for name in shown.columns) + r" \\"
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape_tex(title)}. {escape_tex(caption)}}}",
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


def escape_tex(value: object) -> str:
    """`value` as LaTeX text."""
    return _TEX_PATTERN.sub(lambda found: _TEX[found.group()], str(value))


def _md(value: object) -> str:
    return str(value).replace("|", r"\|")
