"""Stage `lists`: predictions, metrics and embedded windows of all runs behind a table, as Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from detach_core.contracts.embeddings import read_embeddings
from detach_core.contracts.lists import ClassRow, EmbeddingRow, MetricsRow, PredictionRow
from detach_core.contracts.metrics import read_metrics
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import read_windows
from detach_core.foundation.errors import UserError
from detach_core.foundation.logs import stage_log
from detach_core.reports.lists import list_facts, write_list
from detach_core.reports.run_lists import class_frame, embeddings_frame, metrics_frame, predictions_frame
from detach_core.reports.tables import refuse_mixed_sources

Paths = Sequence[str | Path]


def lists(
    *,
    name: str,
    metrics_paths: Paths,
    windows_paths: Paths,
    split_paths: Paths,
    embeddings_paths: Paths,
    predictions_path: str | Path,
    metrics_path: str | Path,
    classes_path: str | Path,
    embeddings_path: str | Path,
    log_path: str | Path,
) -> None:
    """Write `predictions.parquet`, `metrics.parquet`, `classes.parquet` and `embeddings.parquet`.

    Args:
        name: `table1`, ...; for messages.
        metrics_paths: `metrics.json` of every dataset, split, variant and seed.
        windows_paths: `windows.h5` of every dataset.
        split_paths: `split.json` of every dataset and split.
        embeddings_paths: `embeddings.h5` of every dataset, split, trained variant and seed.
        predictions_path: where to write the predictions.
        metrics_path: where to write the metrics by protocol.
        classes_path: where to write the metrics by class.
        embeddings_path: where to write the index of the embeddings.
        log_path: the log.
    """
    with stage_log(log_path, "lists") as log:
        if not metrics_paths:
            raise UserError(f"{name}: found no rows of methods, expected some to list; name a table of results")
        runs = [read_metrics(path) for path in metrics_paths]
        homes = {home.dataset: home for home in map(read_windows, windows_paths)}
        splits = {(split.dataset, split.name): split for split in map(read_split, split_paths)}
        made = [*(one.provenance for one in homes.values()), *(one.provenance for one in runs)]
        refuse_mixed_sources([*windows_paths, *metrics_paths], [one.source for one in made])
        facts = list_facts(
            source=made[0].source,
            splits=[run.split for run in runs],
            protocols=[protocol for run in runs for protocol in run.protocols],
            seeds=sorted({run.seed for run in runs}),
            commits=sorted({run.provenance.commit for run in runs}),
        )
        # One file after the other: together the features would fill the memory.
        embedded = ((path, read_embeddings(path)) for path in embeddings_paths)
        for path, frame, row in (
            (predictions_path, predictions_frame(runs, homes), PredictionRow),
            (metrics_path, metrics_frame(runs), MetricsRow),
            (classes_path, class_frame(runs), ClassRow),
            (embeddings_path, embeddings_frame(embedded, homes, splits), EmbeddingRow),
        ):
            write_list(path, frame, row, facts)
            log.info("%d rows in %s", len(frame), path)
