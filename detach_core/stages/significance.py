"""Stage `significance`: paired comparisons of the results tables' rows with the references among them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from detach_core.contracts.lists import SignificanceRow
from detach_core.contracts.metrics import Metrics, read_metrics
from detach_core.evaluation.settings import SignificanceJob
from detach_core.foundation.errors import ContractError
from detach_core.foundation.logs import stage_log
from detach_core.reports.comparisons import readable_significance, significance_caption, significance_frame
from detach_core.reports.tables import refuse_mixed_sources, write_table
from detach_core.settings.base import from_plain


def significance(
    *, settings: str, metrics_paths: Sequence[str | Path], csv_path: str | Path, log_path: str | Path
) -> None:
    """Write the comparisons at `csv_path` and beside it as `.md`, `.tex`, `.html` and `.parquet`.

    Args:
        settings: JSON of a `SignificanceJob`, whose `keys` identify `metrics_paths` one by one.
        metrics_paths: `metrics.json` of every row.
        csv_path: where to write.
        log_path: the log.
    """
    with stage_log(log_path, "significance") as log:
        job = from_plain(SignificanceJob, json.loads(settings))
        runs: dict[tuple[str, str, str], list[Metrics]] = {}
        found = [read_metrics(path) for path in metrics_paths]
        refuse_mixed_sources(metrics_paths, [run.source for run in found])
        for path, run, key in zip(metrics_paths, found, job.keys, strict=True):
            expected = (key.dataset, key.split, key.name, key.seed)
            is_ = (run.dataset, run.split, run.variant, run.seed)
            if is_ != expected:
                words = [", ".join(map(str, one)) for one in (expected, is_)]
                raise ContractError(path, "variant", expected=words[0], found=words[1], remedy="rerun the rule `probe`")
            runs.setdefault((key.dataset, key.split, key.name), []).append(run)
        frame = significance_frame(job.tables, job.references, runs, swaps=job.swaps)
        caption = significance_caption(frame, job.confidence)
        title, shown = f"Differences from {' and '.join(job.references)}", readable_significance(frame)
        write_table(csv_path, title=title, caption=caption, frame=frame, shown=shown, row=SignificanceRow)
        beyond = int((frame["p_holm"] < 1.0 - job.confidence).sum())
        log.info("%d comparisons, %d with a corrected p below %.2f", len(frame), beyond, 1.0 - job.confidence)
