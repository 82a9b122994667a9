"""A table as a page of its own: it opens in a browser and in the report, and asks the network for nothing."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from html import escape
from itertools import groupby

import pandas as pd

from detach_core.reports.marked_text import as_html

_FIGURE = re.compile(r"[-+]?\d[\d.]*( ± [\d.]+)?( \[.*\])?")
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
    """A page with the table under its title and caption; every cell, heading and title comes out as itself.

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
    """A cell; a figure with its interval is not broken into lines."""
    return f'<td class="figure">{escape(text)}</td>' if _FIGURE.fullmatch(text) else f"<td>{escape(text)}</td>"


def _link(name: str, text: str) -> str:
    content = b64encode(text.encode()).decode()
    return f'<a download="{escape(name)}" href="data:text/plain;base64,{content}">{escape(name)}</a>'
