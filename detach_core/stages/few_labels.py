"""Stage `few_labels`: the label curves of Table 1's trainings as one table, and the differences between them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from detach_core.contracts.lists import ResultRow, SignificanceRow
from detach_core.contracts.metrics import Metrics, read_label_curve
from detach_core.evaluation.intervals import aggregate
from detach_core.evaluation.label_curve import CurvePoint
from detach_core.evaluation.settings import SignificanceJob
from detach_core.foundation.logs import stage_log
from detach_core.reports.captions import table_caption
from detach_core.reports.comparisons import readable_significance, significance_caption, significance_frame
from detach_core.reports.results_table import readable, results_caption, results_frame
from detach_core.reports.tables import refuse_mixed_sources, write_table
from detach_core.settings.base import from_plain

NAME = "few_labels"

# Points that every method has.
COMPARED = ("labels", "named clusters")


def few_labels(
    *,
    settings: str,
    curve_paths: Sequence[str | Path],
    csv_path: str | Path,
    significance_csv_path: str | Path,
    log_path: str | Path,
) -> None:
    """Write the table and the paired differences at the points that every method has.

    Args:
        settings: JSON of a `SignificanceJob` for the table `few_labels`.
        curve_paths: `label_curve.json` of every dataset, split, variant and seed.
        csv_path: where to write the table; `.md`, `.tex`, `.html` and `.parquet` lie beside it.
        significance_csv_path: where to write the differences, in the same forms.
        log_path: the log.
    """
    with stage_log(log_path, NAME) as log:
        job = from_plain(SignificanceJob, json.loads(settings))
        runs = [read_label_curve(path) for path in curve_paths]
        refuse_mixed_sources(curve_paths, [run.source for run in runs])
        frame = results_frame(NAME, aggregate(runs))
        caption = table_caption(NAME)
        words = f"{caption.text} {results_caption(frame, runs[0].interval.confidence)}"
        write_table(csv_path, title=caption.title, caption=words, frame=frame, shown=readable(frame), row=ResultRow)
        log.info("the table is %s (.md, .tex, .html and .parquet beside it)", csv_path)
        _write_differences(runs, job, significance_csv_path)
        log.info("paired differences are in %s", significance_csv_path)


def _write_differences(runs: Sequence[Metrics], job: SignificanceJob, path: str | Path) -> None:
    """Write the paired differences between the references and the other rows at each compared point."""
    by_key: dict[tuple[str, str, str], list[Metrics]] = {}
    for run in runs:
        points = {name: one for name, one in run.protocols.items() if CurvePoint.of_name(name).kind in COMPARED}
        by_key.setdefault((run.dataset, run.split, run.variant), []).append(replace(run, protocols=points))
    frame = significance_frame(job.tables, job.references, by_key, swaps=job.swaps)
    write_table(
        path,
        title=f"Differences from {' and '.join(job.references)} with few labels",
        caption=significance_caption(frame, job.confidence),
        frame=frame,
        shown=readable_significance(frame),
        row=SignificanceRow,
    )
