"""Stage `probe`: a linear classifier on frozen sensor features, tested as each protocol of the split says."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from detach_core.contracts.embeddings import Embeddings, read_embeddings
from detach_core.contracts.errors import ContractError
from detach_core.contracts.logs import stage_log
from detach_core.contracts.metrics import Interval, Metrics, write_metrics
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import Split, read_split
from detach_core.contracts.windows import Windows, read_windows
from detach_core.evaluation.evaluate import evaluate_protocols
from detach_core.training.device import choose_device


def probe(
    *,
    settings: str,
    windows_path: str | Path,
    split_path: str | Path,
    embeddings_path: str | Path,
    metrics_path: str | Path,
    log_path: str | Path,
) -> None:
    """Write `metrics.json`.

    Args:
        settings: JSON of probe, device, threads.
        windows_path: `windows.h5`.
        split_path: `split.json`.
        embeddings_path: `embeddings.h5` of one run.
        metrics_path: where to write.
        log_path: the log.
    """
    with stage_log(log_path, "probe") as log:
        values = json.loads(settings)
        section = values["probe"]
        windows, split, embeddings = (
            read_windows(windows_path),
            read_split(split_path),
            read_embeddings(embeddings_path),
        )
        _check_match(windows, split, embeddings, embeddings_path)
        device = choose_device(values["device"])
        # Nothing here sums in an order of its own, so the threads are all that must be fixed for equal bits.
        torch.set_num_threads(values["threads"])
        log.info("probing %s on %s, seed %d, on %s", embeddings.variant, windows.dataset, embeddings.seed, device)
        interval = Interval(section["bootstrap"], section["confidence"], split.seed)
        protocols = evaluate_protocols(
            windows,
            split,
            embeddings.sensor,
            kind=section["kind"],
            strengths=section["c"],
            num_inner_folds=section["inner_folds"],
            interval=interval,
            device=device,
        )
        texts = ("variant", "method", "split", "seed", "source", "probed", "video_init")
        metrics = Metrics(
            **{name: getattr(embeddings, name) for name in texts},
            dataset=windows.dataset,
            label_unit=windows.label_unit,
            null_windows=_null_windows(windows),
            probe=section["kind"],
            class_names=windows.class_names,
            interval=interval,
            protocols=protocols,
            provenance=make_provenance(
                stage="probe",
                source=windows.source,
                settings=section,
                seed=embeddings.seed,
                inputs={
                    "windows": windows.provenance.artifact_id,
                    "split": split.provenance.artifact_id,
                    "embeddings": embeddings.provenance.artifact_id,
                },
            ),
        )
        write_metrics(metrics_path, metrics)
        for name, one in protocols.items():
            bounds = (
                f"F1 {one.f1_weighted:.3f} [{one.f1_weighted_low:.3f}, {one.f1_weighted_high:.3f}], mAP {one.map:.3f}"
            )
            log.info("%s: %s (n = %d)", name, bounds, one.n_test)


def _null_windows(windows: Windows) -> str:
    """`drop` where every window of a gesture dataset has a label: that is how they were chosen; `keep` otherwise."""
    chosen_by_label = windows.label_unit == "window" and bool((windows.label >= 0).all())
    return "drop" if chosen_by_label else "keep"


def _check_match(windows: Windows, split: Split, embeddings: Embeddings, path: str | Path) -> None:
    for field, expected, found in (
        ("dataset", windows.dataset, embeddings.dataset),
        ("source", windows.source, embeddings.source),
        ("split", split.name, embeddings.split),
        ("sensor", f"{windows.num_windows} rows", f"{len(embeddings.sensor)} rows"),
    ):
        if expected != found:
            raise ContractError(path, field, expected=expected, found=found, remedy="run the rule embed again")
