"""Stage `readme_table`: the table of the default run in the README, between its markers, never by hand."""

from __future__ import annotations

from pathlib import Path

from detach_core.foundation.files import write_text
from detach_core.foundation.logs import stage_log
from detach_core.reports.pages import fill_blocks

BLOCK = "results"


def readme_table(
    *, table_path: str | Path, readme_path: str | Path, done_path: str | Path, log_path: str | Path
) -> None:
    """Put the Markdown at `table_path` between the markers of `readme_path`, then write `done_path`.

    Args:
        table_path: the `.md` of a table.
        readme_path: the page; what stands outside the markers stays.
        done_path: a mark for the workflow. The page itself is no output of the rule, since outputs are deleted first.
        log_path: the log.
    """
    with stage_log(log_path, "readme_table") as log:
        fill_blocks(readme_path, {BLOCK: Path(table_path).read_text(encoding="utf-8")})
        write_text(done_path, f"{readme_path}\n")
        log.info("%s holds the table", readme_path)
