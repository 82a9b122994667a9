"""Stage `few_labels`: the label curves of Table 1's trainings as one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from detach_core.contracts.lists import ResultRow
from detach_core.contracts.metrics import read_label_curve
from detach_core.evaluation.intervals import aggregate
from detach_core.foundation.logs import stage_log
from detach_core.reports.captions import table_caption
from detach_core.reports.results_table import readable, results_caption, results_frame
from detach_core.reports.tables import refuse_mixed_sources, write_table

NAME = "few_labels"


def few_labels(*, curve_paths: Sequence[str | Path], csv_path: str | Path, log_path: str | Path) -> None:
    """Write the table at `csv_path` and beside it as `.md`, `.tex`, `.html` and `.parquet`.

    Args:
        curve_paths: `label_curve.json` of every dataset, split, variant and seed.
        csv_path: where to write.
        log_path: the log.
    """
    with stage_log(log_path, NAME) as log:
        runs = [read_label_curve(path) for path in curve_paths]
        refuse_mixed_sources(curve_paths, [run.source for run in runs])
        frame = results_frame(NAME, aggregate(runs))
        caption = table_caption(NAME)
        words = f"{caption.text} {results_caption(frame, runs[0].interval.confidence)}"
        write_table(csv_path, title=caption.title, caption=words, frame=frame, shown=readable(frame), row=ResultRow)
        log.info("the table is %s (.md, .tex, .html and .parquet beside it)", csv_path)
