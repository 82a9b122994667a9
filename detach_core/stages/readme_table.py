"""Stage `readme_table`: the short form of a results table in the README, between its markers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from detach_core.foundation.errors import BadInputError
from detach_core.foundation.files import write_text
from detach_core.foundation.logs import stage_log
from detach_core.reports.captions import plain
from detach_core.reports.pages import fill_blocks
from detach_core.reports.results_table import COLLAPSE_MARK
from detach_core.reports.tables import markdown

BLOCK = "results"
SCORE = "f1_weighted"
COLUMNS = (
    *("dataset", "variant", "protocol", "source"),
    *(SCORE, f"{SCORE}_low", f"{SCORE}_high", f"chance_{SCORE}", "collapse"),
)
COLUMNS_OF_RUN = ("seeds", "commit")


def readme_table(
    *, table_path: str | Path, readme_path: str | Path, done_path: str | Path, log_path: str | Path
) -> None:
    """Put the short form of a results table between the markers of `readme_path`, then write `done_path`.

    Args:
        table_path: the table's `.md`, its `.csv` beside it.
        readme_path: the page; what stands outside the markers stays.
        done_path: a mark for the workflow. The page itself is no output of the rule, since outputs are deleted first.
        log_path: the log.
    """
    with stage_log(log_path, "readme_table") as log:
        fill_blocks(readme_path, {BLOCK: short_table(Path(table_path).with_suffix(".csv"))})
        write_text(done_path, f"{readme_path}\n")
        log.info("%s holds the table", readme_path)


def short_table(csv_path: Path) -> str:
    """Markdown of the weighted F1 in a results table: a row a method, a column a dataset and protocol.

    Raises:
        BadInputError: the table lacks a column, has no row, or has two values for one cell.
    """
    frame = pd.read_csv(csv_path, dtype={name: str for name in COLUMNS_OF_RUN}, keep_default_na=False, na_values=[""])
    _check(csv_path, frame)
    frame = frame.assign(
        column=frame["dataset"] + ", " + frame["protocol"],
        cell=[_cell(line) for line in frame.to_dict("records")],
    )
    shown = frame.pivot(index="variant", columns="column", values="cell")
    shown = shown.reindex(index=frame["variant"].unique(), columns=frame["column"].unique()).fillna("")
    return markdown(shown.rename_axis(index="Method", columns=None).reset_index(), "Weighted F1", _caption(frame))


def _check(csv_path: Path, frame: pd.DataFrame) -> None:
    remedy = "make the table anew (snakemake --forcerun table)"
    if missing := [name for name in (*COLUMNS, *COLUMNS_OF_RUN) if name not in frame]:
        expected = "the columns of a results table"
        raise BadInputError(csv_path, "header", found=f"no {', '.join(missing)}", expected=expected, remedy=remedy)
    repeated = frame.duplicated(["variant", "dataset", "protocol"])
    if frame.empty or repeated.any():
        found = "no row" if frame.empty else f"two rows of {frame['variant'][repeated].iloc[0]!r} under one protocol"
        expected = "one row a method, dataset and protocol"
        raise BadInputError(csv_path, "rows", found=found, expected=expected, remedy=remedy)


def _cell(line: Mapping[str, Any]) -> str:
    value, low, high = (line[f"{SCORE}{end}"] for end in ("", "_low", "_high"))
    return f"{value:.2f} [{low:.2f}, {high:.2f}]" + ("" if pd.isna(line["collapse"]) else f" {COLLAPSE_MARK}")


def _caption(frame: pd.DataFrame) -> str:
    chance = frame.groupby("column", sort=False)[f"chance_{SCORE}"].first()
    sources, seeds, commits = (
        ", ".join(dict.fromkeys(" ".join(frame[name].dropna()).split())) for name in ("source", "seeds", "commit")
    )
    parts = [
        "Linear probe on each method's frozen sensor features, its confidence interval in brackets",
        f"data: {sources}",
        f"seeds: {seeds}",
        f"chance: {', '.join(f'{value:.2f} ({name})' for name, value in chance.items())}",
        f"commit: {commits}",
    ]
    if frame["collapse"].notna().any():
        parts.insert(-1, f"{COLLAPSE_MARK}: a training that has collapsed")
    return "; ".join(map(plain, parts)) + "."
