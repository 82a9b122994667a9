"""Stage `readme_table`: the table of the default run in the README, between its markers, never by hand."""

from __future__ import annotations

from pathlib import Path

from detach_core.contracts.atomic import write_text
from detach_core.contracts.errors import BadInputError
from detach_core.contracts.logs import stage_log

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


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
        table, page = Path(table_path).read_text(encoding="utf-8").strip(), Path(readme_path)
        text = page.read_text(encoding="utf-8")
        if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
            raise BadInputError(
                page,
                "markers",
                found=f"{text.count(BEGIN)} of {BEGIN!r} and {text.count(END)} of {END!r}",
                expected="one of each, in this order",
                remedy="put them back",
            )
        before, rest = text.split(BEGIN)
        write_text(page, f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}")
        write_text(done_path, f"{page}\n")
        log.info("%s holds the table", page)
