"""Stage `embed`: features of every window by a frozen method, and of the sensor by that method untrained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from detach_core.contracts.checkpoint import Checkpoint, read_checkpoint
from detach_core.contracts.embeddings import Embeddings, write_embeddings
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import Windows, read_windows
from detach_core.evaluation.settings import EmbedJob
from detach_core.foundation.errors import ContractError
from detach_core.foundation.logs import stage_log
from detach_core.settings.base import from_plain, to_plain
from detach_core.training.embedding import embed_sensor_windows, embed_windows, own_start, rebuild
from detach_core.training.processes import choose_device, prepare

# Features of the sensor -> what they were before any training.
START = {"sensor": "start", "sensor_spatial": "start_spatial", "sensor_temporal": "start_temporal"}


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
        _check_channels(checkpoint, windows, checkpoint_path)
        device = choose_device(job.device)
        words = prepare(device, threads=job.threads)
        method = rebuild(checkpoint).to(device)
        features = embed_windows(method, checkpoint, windows, device=device)
        if checkpoint.epoch:
            start = own_start(checkpoint, windows, split).to(device)
            found = embed_sensor_windows(start, checkpoint, np.asarray(windows.sensor), device=device)
            features |= {START[name]: value for name, value in found.items() if name in START}
        embeddings = Embeddings(
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
                inputs={
                    "windows": windows.provenance.artifact_id,
                    "split": split.provenance.artifact_id,
                    "checkpoint": checkpoint.provenance.artifact_id,
                },
            ),
        )
        write_embeddings(embeddings_path, embeddings)
        shapes = ", ".join(f"{name} {value.shape}" for name, value in features.items())
        log.info("%s of %s on %s: %s", job.variant, windows.dataset, words, shapes)


def _check_channels(checkpoint: Checkpoint, windows: Windows, path: str | Path) -> None:
    expected, found = list(windows.channel_names), checkpoint.channel_names
    if expected != found:
        raise ContractError(
            path,
            "channel_names",
            expected=", ".join(expected),
            found=", ".join(found),
            remedy="rerun the rule `pretrain`",
        )
