"""Stage `claims`: whether the method does what is claimed of it, by intervals against thresholds fixed before."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from detach_core.contracts.analysis import read_negative_pairs
from detach_core.contracts.embeddings import read_assignments, read_embeddings
from detach_core.contracts.metrics import Interval, read_metrics
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import read_windows
from detach_core.foundation.logs import stage_log
from detach_core.reports.claims.artifacts import Artifacts, Found, Key
from detach_core.reports.claims_table import claims_caption, claims_frame, readable_claims
from detach_core.reports.sources import refuse_mixed_sources
from detach_core.reports.tables import write_table
from detach_core.training.device import choose_device, prepare

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
    """Write the claims at `csv_path` and beside it as `.md`, `.tex` and `.html`.

    Args:
        settings: JSON of the claims with their tables' parts, seeds, bootstrap, confidence, and `keys`: what each of
            `artifact_paths` is, as [kind, dataset, split, name, seed].
        artifact_paths: metrics, embeddings, assignments and negative pairs.
        windows_paths: `windows.h5` of every dataset.
        split_paths: `split.json` of every dataset and split whose Stage 1 is held against its own input.
        csv_path: where to write.
        log_path: the log.
    """
    with stage_log(log_path, "claims") as log:
        values = json.loads(settings)
        keys: list[Key] = [tuple(key) for key in values["keys"]]
        found: dict[Key, Found] = {key: READERS[key[0]](path) for key, path in zip(keys, artifact_paths, strict=True)}
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
            seeds=values["seeds"],
            interval=Interval(values["bootstrap"], values["confidence"], 0),
        )
        commits = sorted({one.commit for one in made})
        frame = claims_frame(values["claims"], artifacts, commits)
        caption = claims_caption(frame, values["confidence"])
        write_table(csv_path, title="Claims", caption=caption, frame=frame, shown=readable_claims(frame))
        counts = frame["verdict"].value_counts()
        log.info("%s", ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
