"""Stage `activation_maps`: maps of the video networks of DETACH and a baseline (Fig. 8); nothing is trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from detach_core.contracts.analysis import MAPS, VERSIONS, ActivationMaps, write_activation_maps
from detach_core.contracts.checkpoint import Checkpoint, read_checkpoint
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import Split, read_split
from detach_core.contracts.windows import Windows, read_windows
from detach_core.evaluation.activation_maps import PICTURES, choose_windows, map_networks, motion_shares
from detach_core.evaluation.embedding_map import Pictures
from detach_core.evaluation.settings import ActivationMapsJob
from detach_core.foundation.errors import ContractError
from detach_core.foundation.logs import stage_log
from detach_core.methods.method import AnyMethod
from detach_core.settings.base import from_plain, to_plain
from detach_core.training.batches import ResidentWindows
from detach_core.training.embedding import initial_method, rebuild
from detach_core.training.job import settings_of
from detach_core.training.processes import choose_device, prepare
from detach_core.training.randomness import seed_everything


def activation_maps(
    *,
    settings: str,
    windows_path: str | Path,
    split_path: str | Path,
    checkpoint_path: str | Path,
    baseline_path: str | Path,
    maps_path: str | Path,
    log_path: str | Path,
) -> None:
    """Write `activation_maps.h5`, of held-out windows or, where nothing is held out, of downstream ones.

    Args:
        settings: JSON of an `ActivationMapsJob`.
        windows_path: `windows.h5`.
        split_path: `split.json` that both checkpoints were trained on.
        checkpoint_path: `checkpoint.safetensors` of the DETACH variant.
        baseline_path: the same of the baseline, with the same seed.
        maps_path: where to write.
        log_path: the log.
    """
    with stage_log(log_path, "activation_maps") as log:
        job = from_plain(ActivationMapsJob, json.loads(settings))
        windows, split = read_windows(windows_path), read_split(split_path)
        runs = [read_checkpoint(path) for path in (checkpoint_path, baseline_path)]
        for path, run in zip((checkpoint_path, baseline_path), runs, strict=True):
            _check_same_run(path, run, windows=windows, split=split, seed=runs[0].provenance.seed)
        device = choose_device(job.device)
        words = prepare(device, threads=job.threads)
        trained, start = (map_networks(*(make(run).to(device) for run in runs)) for make in (rebuild, _untrained))
        part = "held_out" if len(split.held_out) else "downstream"
        ids = split.parts[part]
        resident = _resident(windows, split, runs[0], part=part, device=device)
        pictures = Pictures(windows)
        batches = resident.batches(part, modalities=PICTURES)
        measured = motion_shares(batches, ids, pictures.change, trained=trained, start=start, above=job.moving)
        moving = np.zeros(windows.num_windows)
        moving[measured.window] = measured.even.mean(axis=1)
        shown = choose_windows(windows, ids, moving[ids], classes=job.classes, part=part, path=split_path)
        position = torch.tensor([int(np.flatnonzero(ids == window)[0]) for window in shown])
        batch = resident.gather(part, position, modalities=PICTURES, augment=False)
        provenance = make_provenance(
            stage="activation_maps",
            source=windows.source,
            settings=to_plain(job),
            seed=runs[0].provenance.seed,
            inputs={
                "windows": windows.provenance.artifact_id,
                "split": split.provenance.artifact_id,
                "checkpoint": runs[0].provenance.artifact_id,
                "baseline": runs[1].provenance.artifact_id,
            },
        )
        maps = ActivationMaps(
            window=shown,
            class_names=job.classes,
            recordings=tuple(windows.recording_names[windows.recording[window]] for window in shown),
            start_s=windows.start_s[shown],
            frames=np.stack([pictures.frames(window) for window in shown]),
            change=np.stack([pictures.change(window) for window in shown]),
            moving=job.moving,
            working_hz=windows.working_hz,
            maps={name: trained[name].maps(batch) for name in MAPS},
            measured=measured,
            dataset=windows.dataset,
            source=windows.source,
            split=split.name,
            part=part,
            variant=job.variant,
            baseline=job.baseline,
            provenance=provenance,
        )
        write_activation_maps(maps_path, maps)
        log.info("%d of %d %s windows have motion; on %s", len(measured.window), len(ids), part, words)
        for name, share, even in zip(MAPS, measured.share.mean(axis=0), measured.even.mean(axis=0), strict=True):
            versions = ", ".join(f"{version} {value:.3f}" for version, value in zip(VERSIONS, share, strict=True))
            log.info("share of the %s map on moving pixels: %s; even %.3f", name, versions, even)


def _untrained(checkpoint: Checkpoint) -> AnyMethod:
    """The checkpoint's method with the initial weights of its seed."""
    seed_everything(checkpoint.provenance.seed or 0)
    return initial_method(checkpoint).requires_grad_(False).eval()


def _resident(
    windows: Windows, split: Split, checkpoint: Checkpoint, *, part: str, device: torch.device
) -> ResidentWindows:
    return ResidentWindows(
        windows,
        {part: split.parts[part]},
        split.normalisation,
        form=settings_of(checkpoint).input.form,
        augmentation=None,
        device=device,
        seed=0,
        with_labels=False,
        with_streams=True,
    )


def _check_same_run(
    path: str | Path, checkpoint: Checkpoint, *, windows: Windows, split: Split, seed: int | None
) -> None:
    """Check that both runs were trained on these windows under this split, with one seed."""
    made = checkpoint.provenance
    for field, expected, found in (
        ("provenance.windows", windows.provenance.artifact_id, made.inputs.get("windows", "nothing")),
        ("provenance.split", split.provenance.artifact_id, made.inputs.get("split", "nothing")),
        ("provenance.seed", str(seed), str(made.seed)),
    ):
        if found != expected:
            remedy = f"rerun the rule `pretrain` (./run snakemake {path})"
            raise ContractError(path, field, expected=expected, found=found, remedy=remedy)
