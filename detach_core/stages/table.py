"""Stage `table`: one table as csv, md, tex, html and parquet, from metrics or from the prepared data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from detach_core.contracts.lists import DataRow, ResultRow
from detach_core.contracts.metrics import Metrics, read_metrics
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import read_windows
from detach_core.evaluation.intervals import aggregate
from detach_core.foundation.errors import ContractError, UserError
from detach_core.foundation.logs import stage_log
from detach_core.reports import results_table as tables
from detach_core.reports.captions import heading, pooling_note, table_caption
from detach_core.reports.settings import ResultsTable, TableJob
from detach_core.reports.tables import refuse_mixed_sources, write_table
from detach_core.settings.base import from_plain

Paths = Sequence[str | Path]


def table(
    *,
    name: str,
    settings: str,
    metrics_paths: Paths,
    windows_paths: Paths,
    split_paths: Paths,
    csv_path: str | Path,
    log_path: str | Path,
) -> None:
    """Write the table at `csv_path` and beside it as `.md`, `.tex`, `.html` and `.parquet`.

    Args:
        name: `table1`, ...; names the paper's table whose values stand beside ours.
        settings: JSON of a `TableJob`: a results table, or one of the prepared data.
        metrics_paths: `metrics.json` of every dataset, variant and seed of a results table.
        windows_paths: `windows.h5` of every dataset, for statistics.
        split_paths: `split.json` of every dataset in the same order, for statistics.
        csv_path: where to write.
        log_path: the log.
    """
    with stage_log(log_path, "table") as log:
        job = from_plain(TableJob, json.loads(settings))
        if isinstance(job.table, ResultsTable):
            _write_results(name, job.table, metrics_paths, csv_path)
        else:
            _write_statistics(name, windows_paths, split_paths, csv_path)
        log.info("the table is %s (.md, .tex, .html and .parquet beside it)", csv_path)


def _write_results(name: str, section: ResultsTable, paths: Paths, csv_path: str | Path) -> None:
    if not paths:
        raise UserError(f"{name}: there is no metrics.json to make a table of; give it rows and datasets in the config")
    runs = [read_metrics(path) for path in paths]
    refuse_mixed_sources(paths, [run.source for run in runs])
    for path, run in zip(paths, runs, strict=True):
        if run.variant not in section.rows or run.dataset not in section.datasets:
            found = f"{run.variant} on {run.dataset}"
            remedy = "correct the table's rows and datasets in the config"
            raise ContractError(path, "variant", expected=f"a row of {name}", found=found, remedy=remedy)

    def place(run: Metrics) -> tuple[int, int]:
        return section.datasets.index(run.dataset), section.rows.index(run.variant)

    frame = tables.results_frame(name, aggregate(sorted(runs, key=place)))
    measured = tables.results_caption(frame, runs[0].interval.confidence)
    words = _words(name, f"{measured} {pooling_note(frame['protocol'].tolist())}".strip())
    write_table(csv_path, **words, frame=frame, shown=tables.readable(frame), row=ResultRow)


def _write_statistics(name: str, windows_paths: Paths, split_paths: Paths, csv_path: str | Path) -> None:
    pairs = [(read_windows(a), read_split(b)) for a, b in zip(windows_paths, split_paths, strict=True)]
    refuse_mixed_sources(windows_paths, [windows.source for windows, _ in pairs])
    frame = tables.statistics_frame(pairs)
    words = _words(name, tables.statistics_caption(frame))
    write_table(csv_path, **words, frame=frame, shown=tables.readable_statistics(frame), row=DataRow)


def _words(name: str, measured: str) -> dict[str, str]:
    """Title and caption of the table `name`; `measured` describes the origin of its metrics."""
    caption = table_caption(name)
    return {"title": heading(name, caption), "caption": f"{caption.text} {measured}"}
