"""Stage `claims`: verdicts on the claims about the method, from intervals and predefined thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from detach_core.contracts.analysis import read_negative_pairs
from detach_core.contracts.embeddings import read_assignments, read_embeddings
from detach_core.contracts.lists import ClaimRow
from detach_core.contracts.metrics import Interval, read_metrics
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import read_windows
from detach_core.evaluation.claim_evidence import Artifacts, Found
from detach_core.evaluation.settings import read_claims
from detach_core.foundation.logs import stage_log
from detach_core.reports.comparisons import claims_caption, claims_frame, readable_claims
from detach_core.reports.tables import refuse_mixed_sources, write_table
from detach_core.training.processes import choose_device, prepare

READERS: dict[str, Callable[[str | Path], Found]] = {
    "metrics": read_metrics,
    "embeddings": read_embeddings,
    "assignments": read_assignments,
    "negative_pairs": read_negative_pairs,
}
Paths = Sequence[str | Path]


def claims(
    *,
    settings: str,
    artifact_paths: Paths,
    windows_paths: Paths,
    split_paths: Paths,
    csv_path: str | Path,
    log_path: str | Path,
) -> None:
    """Write the claims at `csv_path` and beside it as `.md`, `.tex`, `.html` and `.parquet`.

    Args:
        settings: JSON of a `ClaimsJob`, whose `keys` identify `artifact_paths` one by one.
        artifact_paths: metrics, embeddings, assignments and negative pairs.
        windows_paths: `windows.h5` of every dataset.
        split_paths: `split.json` of every dataset and split whose Stage 1 is held against its own input.
        csv_path: where to write.
        log_path: the log.
    """
    with stage_log(log_path, "claims") as log:
        job, claimed = read_claims(settings)
        found = {key: READERS[key.kind](path) for key, path in zip(job.keys, artifact_paths, strict=True)}
        homes, splits = [read_windows(path) for path in windows_paths], [read_split(path) for path in split_paths]
        made = [one.provenance for one in (*splits, *found.values())]
        refuse_mixed_sources(
            [*windows_paths, *split_paths, *artifact_paths],
            [*(home.source for home in homes), *(one.source for one in made)],
        )
        # One thread, whatever the machine has: another count sums in another order.
        prepare(choose_device("cpu"), threads=1)
        artifacts = Artifacts(
            found=found,
            windows={home.dataset: home for home in homes},
            splits={(split.dataset, split.name): split for split in splits},
            seeds=job.seeds,
            interval=Interval(job.bootstrap, job.confidence, 0),
        )
        commits = sorted({one.commit for one in made})
        frame = claims_frame(claimed, artifacts, commits)
        caption = claims_caption(frame, job.confidence)
        shown = readable_claims(frame)
        write_table(csv_path, title="Claims", caption=caption, frame=frame, shown=shown, row=ClaimRow)
        counts = frame["verdict"].value_counts()
        log.info("%s", ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
