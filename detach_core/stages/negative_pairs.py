"""Stage `negative_pairs`: similarities, weights and kinds of all pairs of one batch, at a training's snapshots."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detach_core.contracts.analysis import NegativePairs, write_negative_pairs
from detach_core.contracts.checkpoint import Checkpoint, Snapshots, read_checkpoint, read_snapshots
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import Windows, read_windows
from detach_core.evaluation.negative_pairs import PairKinds, draw_windows, kinds_of_pairs, pairs_over_training
from detach_core.evaluation.settings import NegativePairsJob
from detach_core.foundation.errors import ContractError, UserError
from detach_core.foundation.logs import stage_log
from detach_core.methods.batch import WindowBatch
from detach_core.methods.detach.stage2 import Detach
from detach_core.methods.registry import METHODS
from detach_core.settings.base import from_plain, to_plain
from detach_core.training.batches import ResidentWindows
from detach_core.training.embedding import rebuild
from detach_core.training.processes import choose_device, prepare
from detach_core.training.randomness import derived_seed
from detach_core.training.session import normalisation_from_dict


def negative_pairs(
    *,
    settings: str,
    windows_path: str | Path,
    split_path: str | Path,
    checkpoint_path: str | Path,
    snapshots_path: str | Path,
    pairs_path: str | Path,
    log_path: str | Path,
) -> None:
    """Write `negative_pairs.h5`.

    Args:
        settings: JSON of a `NegativePairsJob`.
        windows_path: `windows.h5`.
        split_path: `split.json` that the training used.
        checkpoint_path: `checkpoint.safetensors` of one run of DETACH or a variant of it.
        snapshots_path: `snapshots.safetensors` of the same run.
        pairs_path: where to write.
        log_path: the log.
    """
    with stage_log(log_path, "negative_pairs") as log:
        job = from_plain(NegativePairsJob, json.loads(settings))
        windows, split = read_windows(windows_path), read_split(split_path)
        checkpoint, snapshots = read_checkpoint(checkpoint_path), read_snapshots(snapshots_path)
        inputs = {"windows": windows.provenance.artifact_id, "split": split.provenance.artifact_id}
        _check_run(checkpoint, inputs, checkpoint_path)
        kept = _kept(snapshots, checkpoint, job.snapshots, snapshots_path)
        # The batch is the split's: all variants and seeds are shown on the same windows.
        ids = draw_windows(split.pretrain, job.windows, seed=derived_seed(split.seed, "negative_pairs"))
        kinds = _kinds(windows, ids, windows_path)
        device = choose_device(job.device)
        words = prepare(device, threads=job.threads)
        method = cast(Detach, rebuild(checkpoint).to(device))
        batch = _gather(windows, ids, checkpoint, method, device)
        pairs = NegativePairs(
            window=ids,
            label=windows.label[ids],
            **vars(kinds),
            snapshots=tuple(pairs_over_training(method, batch, trained=checkpoint.tensors, snapshots=kept)),
            class_names=windows.class_names,
            dataset=windows.dataset,
            source=windows.source,
            split=split.name,
            method=checkpoint.method,
            variant=job.variant,
            seed=checkpoint.provenance.seed or 0,
            num_epochs=checkpoint.epoch,
            kinds_from="classes: the place and the action of each",
            provenance=make_provenance(
                stage="negative_pairs",
                source=windows.source,
                settings=to_plain(job),
                seed=checkpoint.provenance.seed,
                inputs={**inputs, "checkpoint": checkpoint.provenance.artifact_id},
            ),
        )
        write_negative_pairs(pairs_path, pairs)
        counts = ", ".join(f"{(kinds.kind == code).sum()} {name}" for code, name in enumerate(kinds.kind_names))
        log.info("%s of %s on %s: %d windows, pairs: %s", job.variant, windows.dataset, words, len(ids), counts)


def _check_run(checkpoint: Checkpoint, inputs: Mapping[str, str], path: str | Path) -> None:
    """Check that the run weighs negative pairs and was trained on these windows under this split."""
    if METHODS.implementation(checkpoint.method) is not Detach:
        raise UserError(
            f"{path}: method: found {checkpoint.method}, expected detach, which alone weighs negative pairs; name a"
            " variant of detach in the figure's section"
        )
    for role, expected in inputs.items():
        found = checkpoint.provenance.inputs.get(role, "nothing")
        if found != expected:
            remedy = f"./run snakemake --forcerun pretrain {path}"
            raise ContractError(path, f"provenance.{role}", expected=expected, found=found, remedy=remedy)


def _kept(
    snapshots: Snapshots, checkpoint: Checkpoint, shares: Sequence[float], path: str | Path
) -> dict[int, dict[str, Tensor]]:
    """The weights at `shares` of the epochs, by epoch."""
    again = f"./run snakemake --forcerun pretrain {path}"
    wanted = sorted({round(share * checkpoint.epoch) for share in shares})
    if not wanted or not set(wanted) <= set(snapshots.epochs):
        expected = f"weights of the epochs {wanted}" if wanted else "at least one share of the epochs in `snapshots`"
        found = f"those of {sorted(snapshots.epochs)}"
        raise ContractError(path, "epochs", expected=expected, found=found, remedy=again)
    if (found := snapshots.provenance.artifact_id) != (expected := checkpoint.provenance.artifact_id):
        raise ContractError(path, "provenance", expected=f"{expected}, the checkpoint's run", found=found, remedy=again)
    return {epoch: snapshots.epochs[epoch] for epoch in wanted}


def _kinds(windows: Windows, ids: NDArray[np.int64], path: str | Path) -> PairKinds:
    try:
        return kinds_of_pairs(windows.label[ids], windows.places, windows.actions)
    except ValueError:
        raise UserError(
            f"{path}: class_actions: found no place and action for any of {', '.join(windows.class_names)}, expected"
            " classes such as Open Fridge and Close Fridge, whose places and actions tell easy, hard and false"
            " negatives apart; name another dataset in the figure's section"
        ) from None


def _gather(
    windows: Windows, ids: NDArray[np.int64], checkpoint: Checkpoint, method: Detach, device: torch.device
) -> WindowBatch:
    """The windows `ids` as one batch without augmentation."""
    resident = ResidentWindows(
        windows,
        {"batch": ids},
        normalisation_from_dict(checkpoint.normalisation),
        form=method.settings.input.form,
        augmentation=None,
        device=device,
        seed=0,
        with_labels=False,
        with_streams=True,
    )
    modalities = method.modalities | method.video_modalities
    return resident.gather("batch", torch.arange(len(ids)), modalities=modalities, augment=False)
