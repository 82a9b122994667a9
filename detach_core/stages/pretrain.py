"""Stage `pretrain`: one method on the split's pretraining windows."""

from __future__ import annotations

from pathlib import Path

from detach_core.contracts.checkpoint import write_snapshots
from detach_core.methods.registry import METHODS
from detach_core.training.job import read_job
from detach_core.training.processes import in_processes
from detach_core.training.session import Trained, train_to_files


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
    tensorboard_path: str | Path | None = None,
) -> None:
    """Write `checkpoint.safetensors`, `history.jsonl` and `snapshots.safetensors`.

    A stopped run is resumed from its state, which lies beside the checkpoint until the training ends.

    Args:
        settings: JSON of the training's job.
        windows_path: `windows.h5`.
        split_path: `split.json`.
        spatial_path: Stage 1's checkpoint, for methods that start from it; None for the others.
        checkpoint_path: where to write the weights.
        history_path: where to write what each epoch reported.
        snapshots_path: where to write the weights at a few epochs.
        seed: of weights, order and augmentation.
        log_path: the log.
        tensorboard_path: folder for TensorBoard's event files; None: none are asked for.
    """

    def write(trained: Trained) -> None:
        run = trained.session.run
        write_snapshots(snapshots_path, run.snapshots, num_epochs=run.num_epochs, provenance=trained.provenance)

    job = read_job(settings)
    train_to_files(
        "pretrain",
        job,
        place=f"methods.{job.method}",
        windows_path=windows_path,
        split_path=split_path,
        spatial_path=spatial_path if METHODS.settings(job.method).needs_spatial else None,
        checkpoint_path=checkpoint_path,
        history_path=history_path,
        seed=seed,
        log_path=log_path,
        tensorboard_path=tensorboard_path,
        write=write,
    )
