"""Stage `embed`: features of every window by a frozen method, and of the sensor by that method untrained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from detach_core.contracts.checkpoint import Checkpoint, read_checkpoint
from detach_core.contracts.embeddings import Embeddings, write_embeddings
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import Split, read_split
from detach_core.contracts.windows import Windows, read_windows
from detach_core.evaluation.settings import EmbedJob
from detach_core.foundation.errors import ContractError
from detach_core.foundation.logs import stage_log
from detach_core.methods.method import AnyMethod
from detach_core.settings.base import from_plain, to_plain
from detach_core.training.embedding import embed_sensor_windows, embed_windows, own_start, rebuild
from detach_core.training.processes import choose_device, prepare

# Features of the sensor -> what they were before any training.
START = {
    "sensor": "start",
    "sensor_spatial": "start_spatial",
    "sensor_temporal": "start_temporal",
    "sensor_shared": "start_shared",
}


def embed(
    *,
    settings: str,
    windows_path: str | Path,
    split_path: str | Path,
    checkpoint_path: str | Path,
    embeddings_path: str | Path,
    log_path: str | Path,
) -> None:
    """Write `embeddings.h5`.

    Args:
        settings: JSON of an `EmbedJob`; all else stands in the checkpoint.
        windows_path: `windows.h5`.
        split_path: `split.json` that the checkpoint was trained on.
        checkpoint_path: `checkpoint.safetensors` of one run.
        embeddings_path: where to write.
        log_path: the log.
    """
    with stage_log(log_path, "embed") as log:
        job = from_plain(EmbedJob, json.loads(settings))
        windows, split, checkpoint = (
            read_windows(windows_path),
            read_split(split_path),
            read_checkpoint(checkpoint_path),
        )
        _check_match(checkpoint, windows, split, checkpoint_path)
        device = choose_device(job.device)
        words = prepare(device, threads=job.threads)
        method = rebuild(checkpoint).to(device)
        features = embed_windows(method, checkpoint, windows, device=device)
        if checkpoint.epoch:
            features |= _start_features(checkpoint, windows, split, device=device)
        write_embeddings(embeddings_path, _embeddings(features, method, checkpoint, windows, split, job))
        shapes = ", ".join(f"{name} {value.shape}" for name, value in features.items())
        log.info("%s of %s on %s: %s", job.variant, windows.dataset, words, shapes)


def _check_match(checkpoint: Checkpoint, windows: Windows, split: Split, path: str | Path) -> None:
    """Check that the checkpoint was trained on these channels under this split."""
    for field, expected, found in (
        ("channel_names", ", ".join(windows.channel_names), ", ".join(checkpoint.channel_names)),
        ("provenance.split", split.provenance.artifact_id, checkpoint.provenance.inputs.get("split", "nothing")),
    ):
        if expected != found:
            raise ContractError(path, field, expected=expected, found=found, remedy="rerun the rule `pretrain`")


def _start_features(
    checkpoint: Checkpoint, windows: Windows, split: Split, *, device: torch.device
) -> dict[str, NDArray[np.float32]]:
    """Features of the sensor by the method before any training, by their names in `embeddings.h5`."""
    start = own_start(checkpoint, windows, split).to(device)
    found = embed_sensor_windows(start, checkpoint, np.asarray(windows.sensor), device=device)
    return {START[name]: value for name, value in found.items()}


def _embeddings(
    features: dict[str, NDArray[np.float32]],
    method: AnyMethod,
    checkpoint: Checkpoint,
    windows: Windows,
    split: Split,
    job: EmbedJob,
) -> Embeddings:
    """The features with the facts of their run."""
    made_of: dict[str, Windows | Split | Checkpoint] = {"windows": windows, "split": split, "checkpoint": checkpoint}
    return Embeddings(
        features=features,
        method=checkpoint.method,
        variant=job.variant,
        split=split.name,
        seed=checkpoint.provenance.seed or 0,
        probed=method.probed,
        dataset=windows.dataset,
        source=windows.source,
        video_init=method.video_init,
        collapse=str(checkpoint.facts.get("collapse", "")),
        provenance=make_provenance(
            stage="embed",
            source=windows.source,
            settings=to_plain(job),
            seed=checkpoint.provenance.seed,
            inputs={role: artifact.provenance.artifact_id for role, artifact in made_of.items()},
        ),
    )
