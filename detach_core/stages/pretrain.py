"""Stage `pretrain`: a method or control learns its sensor encoder from paired windows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from detach_core.contracts.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from detach_core.contracts.errors import ContractError
from detach_core.contracts.history import write_history
from detach_core.contracts.logs import stage_log
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.snapshots import write_snapshots
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import read_windows
from detach_core.methods import METHODS
from detach_core.training.identity import training_identity
from detach_core.training.launch import in_processes
from detach_core.training.processes import joined, num_processes, own_rank
from detach_core.training.session import make_checkpoint, portable, run_session, with_video_start
from detach_core.training.state_keeper import StateKeeper


@in_processes
def pretrain(
    *,
    settings: str,
    windows_path: str | Path,
    split_path: str | Path,
    spatial_path: str | Path | None,
    checkpoint_path: str | Path,
    history_path: str | Path,
    snapshots_path: str | Path,
    seed: int,
    log_path: str | Path,
) -> None:
    """Write `checkpoint.safetensors`, `history.jsonl` and `snapshots.safetensors`.

    A run that was stopped before that goes on where it was; its state lies beside the checkpoint until then.

    Args:
        settings: JSON of method, its section with the shared ones that it uses, device, threads.
        windows_path: `windows.h5`.
        split_path: `split.json`.
        spatial_path: Stage 1's checkpoint, for methods that start from it; None for the others.
        checkpoint_path: where to write the weights.
        history_path: where to write what each epoch reported.
        snapshots_path: where to write the weights at a few epochs.
        seed: of weights, order and augmentation.
        log_path: the log.
    """
    values: dict[str, Any] = json.loads(settings)
    count = num_processes(values)
    with stage_log(log_path, "pretrain", rank=own_rank(count)) as log, joined(values["device"], count) as processes:
        name = values["method"]
        windows, split = read_windows(windows_path), read_split(split_path)
        inputs = {"windows": windows.provenance.artifact_id, "split": split.provenance.artifact_id}
        spatial = read_checkpoint(spatial_path) if spatial_path and METHODS[name].needs_spatial else None
        if spatial_path and spatial is not None:
            _check_same_input(spatial, spatial_path, inputs)
            inputs["spatial"] = spatial.provenance.artifact_id
        values = with_video_start(values, spatial)
        provenance = make_provenance(
            stage="pretrain", source=windows.source, settings=portable(values), seed=seed, inputs=inputs
        )
        identity = training_identity(provenance, device=values["device"], spatial=spatial)
        with StateKeeper(checkpoint_path, identity=identity, log=log, writes=processes.is_main) as keeper:
            session = run_session(
                name,
                place=f"methods.{name}",
                settings=values,
                windows=windows,
                split=split,
                spatial=spatial,
                seed=seed,
                log=log,
                keeper=keeper,
                processes=processes,
            )
            if not processes.is_main:
                return
            checkpoint = make_checkpoint(
                name, session, settings=values, windows=windows, split=split, provenance=provenance
            )
            write_checkpoint(checkpoint_path, checkpoint)
            write_history(history_path, session.run.rows, run=session.run.facts, provenance=provenance)
            write_snapshots(
                snapshots_path, session.run.snapshots, num_epochs=session.run.num_epochs, provenance=provenance
            )


def _check_same_input(spatial: Checkpoint, path: str | Path, inputs: dict[str, str]) -> None:
    """Stage 1 must have seen these windows under this split."""
    for role, expected in inputs.items():
        found = spatial.provenance.inputs.get(role, "nothing")
        if found != expected:
            raise ContractError(
                path, f"provenance.{role}", expected=expected, found=found, remedy="rerun the rule `pretrain_spatial`"
            )
