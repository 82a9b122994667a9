"""Stage `pretrain_spatial`: DETACH's Stage 1, spatial features and pseudo-labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from detach_core.contracts.assignments import Assignments, write_assignments
from detach_core.contracts.checkpoint import write_checkpoint
from detach_core.contracts.history import write_history
from detach_core.contracts.logs import stage_log
from detach_core.contracts.provenance import Provenance, make_provenance
from detach_core.contracts.split import Split, read_split
from detach_core.contracts.windows import read_windows
from detach_core.training.identity import training_identity
from detach_core.training.launch import in_processes
from detach_core.training.processes import joined, num_processes, own_rank
from detach_core.training.session import Session, make_checkpoint, portable, run_session, with_video_start
from detach_core.training.state_keeper import StateKeeper

METHOD = "detach_spatial"


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
) -> None:
    """Write Stage 1's `checkpoint.safetensors`, `history.jsonl` and `assignments.h5`.

    A run that was stopped before that goes on where it was; its state lies beside the checkpoint until then.

    Args:
        settings: JSON of the Stage-1 section with input, augmentation, encoders, optimizer, device, threads.
        windows_path: `windows.h5`.
        split_path: `split.json`.
        checkpoint_path: where to write the weights, the memory's features, labels and centroids.
        history_path: where to write what each epoch reported.
        assignments_path: where to write every window's pseudo-label after each epoch.
        seed: of weights, order and augmentation.
        log_path: the log.
    """
    values: dict[str, Any] = json.loads(settings)
    count = num_processes(values)
    with (
        stage_log(log_path, "pretrain_spatial", rank=own_rank(count)) as log,
        joined(values["device"], count) as processes,
    ):
        values = with_video_start(values, None)
        windows, split = read_windows(windows_path), read_split(split_path)
        provenance = make_provenance(
            stage="pretrain_spatial",
            source=windows.source,
            settings=portable(values),
            seed=seed,
            inputs={"windows": windows.provenance.artifact_id, "split": split.provenance.artifact_id},
        )
        identity = training_identity(provenance, device=values["device"], spatial=None)
        with StateKeeper(checkpoint_path, identity=identity, log=log, writes=processes.is_main) as keeper:
            session = run_session(
                METHOD,
                place="spatial.default",
                settings=values,
                windows=windows,
                split=split,
                spatial=None,
                seed=seed,
                log=log,
                keeper=keeper,
                processes=processes,
            )
            if not processes.is_main:
                return
            checkpoint = make_checkpoint(
                METHOD, session, settings=values, windows=windows, split=split, provenance=provenance
            )
            write_checkpoint(checkpoint_path, checkpoint)
            write_history(history_path, session.run.rows, run=session.run.facts, provenance=provenance)
            write_assignments(assignments_path, _assignments(session, split, provenance))
        clusters = session.run.rows[-1]["clusters"]
        log.info("clusters against %s: %s", session.run.facts["location_source"], json.dumps(clusters))


def _assignments(session: Session, split: Split, provenance: Provenance) -> Assignments:
    run = session.run
    return Assignments(
        window=split.pretrain,
        cluster=np.stack([one["cluster"].numpy().astype(np.int32) for one in run.traces]),
        confident=np.stack([one["confident"].numpy() for one in run.traces]),
        phases=tuple(row["phase"] for row in run.rows),
        num_clusters=int(session.method.settings["clusters"]),
        provenance=provenance,
    )
