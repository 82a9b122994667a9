"""Stage `label_curve`: classifiers of frozen sensor features that know few labels, of the sensors or of the video."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from detach_core.contracts.embeddings import read_embeddings
from detach_core.contracts.metrics import write_metrics
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import read_windows
from detach_core.evaluation.evaluate import Units
from detach_core.evaluation.evaluated_run import check_match, interval_of, run_metrics
from detach_core.evaluation.label_curve import LabelCurve
from detach_core.evaluation.settings import LabelCurveJob
from detach_core.foundation.errors import ContractError
from detach_core.foundation.logs import stage_log
from detach_core.settings.base import from_plain
from detach_core.training.processes import choose_device


def label_curve(
    *,
    settings: str,
    windows_path: str | Path,
    split_path: str | Path,
    embeddings_path: str | Path,
    curve_path: str | Path,
    log_path: str | Path,
) -> None:
    """Write `label_curve.json`: metrics, with a protocol for each point of the curve.

    Args:
        settings: JSON of a `LabelCurveJob`.
        windows_path: `windows.h5`.
        split_path: `split.json`.
        embeddings_path: `embeddings.h5` of the run.
        curve_path: where to write.
        log_path: the log.
    """
    with stage_log(log_path, "label_curve") as log:
        job = from_plain(LabelCurveJob, json.loads(settings))
        windows, split = read_windows(windows_path), read_split(split_path)
        embeddings = read_embeddings(embeddings_path)
        place = {"dataset": windows.dataset, "source": windows.source, "split": split.name}
        check_match(embeddings, embeddings_path, num_windows=windows.num_windows, **place)
        torch.set_num_threads(job.threads)
        interval = interval_of(job.probe, split)
        curve = LabelCurve(windows, split, job.curve, job.probe.class_weights, interval, choose_device(job.device))
        _check_looks(curve, split_path)
        points = curve.measured(embeddings.sensor, embeddings.in_shared_space(embeddings_path))
        metrics = run_metrics(windows, split, [embeddings], points, probe=job.probe, curve=job.curve)
        write_metrics(curve_path, metrics)
        for name, one in points.items():
            log.info("%s: F1 %.3f [%.3f, %.3f]", name, one.f1_weighted, one.f1_weighted_low, one.f1_weighted_high)


def _check_looks(curve: LabelCurve, path: str | Path) -> None:
    """Check that the pretraining part of the split at `path` has a unit for each cluster."""
    unit = f"{curve.windows.label_unit}s"
    found = len(Units(curve.windows, np.zeros((curve.windows.num_windows, 1), np.float32)).rows(curve.split.pretrain))
    most = max(curve.num_clusters, default=0)
    if found < most:
        raise ContractError(
            path,
            "parts/pretrain",
            expected=f"at least {most} {unit}, for as many clusters",
            found=f"{found}",
            remedy="lower `looks` under `label_curve` in the config",
        )
