"""Stage `pretrain_spatial`: DETACH's Stage 1, spatial features and pseudo-labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from detach_core.contracts.embeddings import Assignments, write_assignments
from detach_core.training.job import read_job
from detach_core.training.processes import in_processes
from detach_core.training.session import Trained, train_to_files


@in_processes
def pretrain_spatial(
    *,
    settings: str,
    windows_path: str | Path,
    split_path: str | Path,
    checkpoint_path: str | Path,
    history_path: str | Path,
    assignments_path: str | Path,
    seed: int,
    log_path: str | Path,
    tensorboard_path: str | Path | None = None,
) -> None:
    """Write Stage 1's `checkpoint.safetensors`, `history.jsonl` and `assignments.h5`.

    A stopped run is resumed from its state, which lies beside the checkpoint until the training ends.

    Args:
        settings: JSON of the training's job.
        windows_path: `windows.h5`.
        split_path: `split.json`.
        checkpoint_path: where to write the weights, the memory's features, labels and centroids.
        history_path: where to write what each epoch reported.
        assignments_path: where to write every window's pseudo-label after each epoch.
        seed: of weights, order and augmentation.
        log_path: the log.
        tensorboard_path: folder for TensorBoard's event files; None: none are asked for.
    """

    def write(trained: Trained) -> None:
        run = trained.session.run
        write_assignments(assignments_path, _assignments(trained))
        clusters = run.rows[-1]["clusters"]
        trained.log.info("clusters against %s: %s", run.facts["location_source"], json.dumps(clusters))

    train_to_files(
        "pretrain_spatial",
        read_job(settings),
        place="spatial.default",
        windows_path=windows_path,
        split_path=split_path,
        spatial_path=None,
        checkpoint_path=checkpoint_path,
        history_path=history_path,
        seed=seed,
        log_path=log_path,
        tensorboard_path=tensorboard_path,
        write=write,
    )


def _assignments(trained: Trained) -> Assignments:
    run = trained.session.run
    return Assignments(
        window=trained.split.pretrain,
        cluster=np.stack([one["cluster"].numpy().astype(np.int32) for one in run.traces]),
        confident=np.stack([one["confident"].numpy() for one in run.traces]),
        phases=tuple(row["phase"] for row in run.rows),
        num_clusters=trained.session.method.settings.clusters,
        provenance=trained.provenance,
    )
