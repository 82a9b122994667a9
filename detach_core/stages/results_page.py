"""Stage `results_page`: every table and figure of the default run on one page, between markers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from detach_core.foundation.files import write_text
from detach_core.foundation.logs import stage_log
from detach_core.reports.pages import fill_blocks, write_small_picture

PICTURES = "images/results"  # beside the page
MAX_BYTES = 150_000  # of a picture: the repository keeps every version


def results_page(
    *,
    table_paths: Sequence[str | Path],
    figure_paths: Sequence[str | Path],
    page_path: str | Path,
    done_path: str | Path,
    log_path: str | Path,
) -> None:
    """Put every table and figure between the markers of its name, then write `done_path`.

    Args:
        table_paths: the `.md` of the tables.
        figure_paths: the `.md` of the figures, each beside its `.png`; small copies of these go beside the page.
        page_path: the page; what stands outside the markers, as what the figures mean, stays.
        done_path: a mark for the workflow. The page itself is no output of the rule, since outputs are deleted first.
        log_path: the log.
    """
    with stage_log(log_path, "results_page") as log:
        blocks = {Path(path).stem: Path(path).read_text(encoding="utf-8") for path in (*table_paths, *figure_paths)}
        for path in map(Path, figure_paths):
            small = f"{PICTURES}/{path.stem}.png"
            write_small_picture(path.with_suffix(".png"), Path(page_path).parent / small, max_bytes=MAX_BYTES)
            blocks[path.stem] = blocks[path.stem].replace(f"]({path.stem}.png)", f"]({small})")
        fill_blocks(page_path, blocks)
        write_text(done_path, f"{page_path}\n")
        log.info("%s holds %d tables and %d figures", page_path, len(table_paths), len(figure_paths))
