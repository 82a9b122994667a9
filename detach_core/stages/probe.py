"""Stage `probe`: a linear classifier on frozen sensor features, tested under each protocol of the split."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from detach_core.contracts.classifier import Classifier, write_classifier
from detach_core.contracts.embeddings import Embeddings, read_embeddings
from detach_core.contracts.metrics import Metrics, write_metrics
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import Windows, read_windows
from detach_core.evaluation.evaluate import Evaluation, evaluate_protocols, relabelled
from detach_core.evaluation.evaluated_run import check_match, interval_of, run_metrics
from detach_core.evaluation.settings import ProbeJob
from detach_core.foundation.errors import ContractError, UserError
from detach_core.foundation.logs import stage_log
from detach_core.settings.base import from_plain
from detach_core.training.processes import choose_device


def probe(
    *,
    settings: str,
    windows_path: str | Path,
    split_path: str | Path,
    embeddings_paths: Sequence[str | Path],
    metrics_path: str | Path,
    classifier_path: str | Path,
    log_path: str | Path,
) -> None:
    """Write `metrics.json` and `classifier.safetensors`.

    Args:
        settings: JSON of a `ProbeJob`; with `half`, `target` and `variant` it probes a part of the embedding.
        windows_path: `windows.h5`.
        split_path: `split.json`.
        embeddings_paths: `embeddings.h5` of the variant's run, and of a run for each other candidate.
        metrics_path: where to write the metrics.
        classifier_path: where to write the classifier for new windows.
        log_path: the log.
    """
    with stage_log(log_path, "probe") as log:
        job = from_plain(ProbeJob, json.loads(settings))
        section = job.probe
        windows, split = read_windows(windows_path), read_split(split_path)
        if not split.protocols:
            raise UserError(
                f"dataset {windows.dataset}: found no labels, expected classes to probe for; give its recordings"
                " labels, or ask for the clusters of Stage 1 instead (assignments.h5)"
            )
        runs = [read_embeddings(path) for path in embeddings_paths]
        embeddings = runs[0]
        place = {"dataset": windows.dataset, "source": windows.source, "split": split.name}
        for path, run, _ in zip(embeddings_paths, runs, job.candidates, strict=True):
            check_match(run, path, num_windows=windows.num_windows, **place)
            _check_run(run, embeddings, path)
        device = choose_device(job.device)
        # Nothing here sums in an order of its own, so the threads are all that must be fixed for equal bits.
        torch.set_num_threads(job.threads)
        words = "" if len(runs) == 1 else f" and {len(runs) - 1} other settings of it"
        log.info(
            "probing %s%s on %s, seed %d, on %s", embeddings.variant, words, windows.dataset, embeddings.seed, device
        )
        labelled = windows if job.target == "class" else relabelled(windows, job.target)
        evaluation = evaluate_protocols(
            labelled,
            split,
            [_probed(run, job.half, path) for run, path in zip(runs, embeddings_paths, strict=True)],
            kind=section.kind,
            strengths=section.c,
            class_weights=section.class_weights,
            num_inner_folds=section.inner_folds,
            interval=interval_of(section, split),
            device=device,
            start=_start(embeddings, job.half),
        )
        protocols = evaluation.results
        metrics = replace(
            run_metrics(labelled, split, runs, protocols, probe=section),
            variant=job.variant or embeddings.variant,
            probed=_probed_words(job, embeddings),
            candidates=job.candidates,
        )
        taken = runs[evaluation.probe.candidate]
        write_classifier(classifier_path, _classifier(evaluation, metrics, labelled, taken, job))
        write_metrics(metrics_path, metrics)
        for name, one in protocols.items():
            bounds = (
                f"F1 {one.f1_weighted:.3f} [{one.f1_weighted_low:.3f}, {one.f1_weighted_high:.3f}], mAP {one.map:.3f}"
                f" (chance {one.chance_f1_weighted:.3f} and {one.chance_map:.3f})"
            )
            chosen = [sum(choice.candidate == place for choice in one.choices) for place in range(len(runs))]
            searched = "" if len(runs) == 1 else f", settings taken in {chosen} folds"
            draws = len(one.predictions)
            before = "" if one.start is None else f"; untrained F1 {one.start.f1_weighted:.3f}"
            log.info("%s: %s (n = %d, %d draws of folds)%s%s", name, bounds, one.n_test, draws, searched, before)
        for run in runs:
            if run.collapse:
                log.warning("the training of %s has collapsed: %s", run.variant, run.collapse)


def _classifier(
    evaluation: Evaluation, metrics: Metrics, labelled: Windows, run: Embeddings, job: ProbeJob
) -> Classifier:
    """The classifier for new windows, on the features of `run`; its provenance names the checkpoint behind them."""
    probe, made = evaluation.probe, metrics.provenance
    checkpoint = {role: one for role, one in run.provenance.inputs.items() if role == "checkpoint"}
    return Classifier(
        dataset=metrics.dataset,
        variant=metrics.variant,
        run=run.variant,
        split=metrics.split,
        protocol=evaluation.protocol,
        label_unit=metrics.label_unit,
        feature=_feature(job.half),
        target=job.target,
        kind=metrics.probe,
        c=probe.c,
        class_names=list(labelled.class_names),
        class_places=list(labelled.class_places),
        class_actions=list(labelled.class_actions),
        tensors={name: getattr(probe, name) for name in ("mean", "std", "coefficients", "intercept")},
        provenance=replace(made, inputs={**made.inputs, **checkpoint}),
    )


def _feature(half: str | None) -> str:
    return "sensor" if half in (None, "whole") else f"sensor_{half}"


def _probed_words(job: ProbeJob, embeddings: Embeddings) -> str:
    told = "" if job.target == "class" else f" for {job.target}"
    if job.half in (None, "whole"):
        return f"{embeddings.probed}{told}"
    return f"sensor: projection into the video's space{told}" if job.half == "shared" else f"sensor {job.half}{told}"


def _probed(run: Embeddings, half: str | None, path: str | Path) -> NDArray[np.float32]:
    """The features to probe: the whole embedding, or a part of it."""
    name = _feature(half)
    if name not in run.features:
        found, remedy = ", ".join(run.features), "name a variant that has this part in the config's `halves`"
        raise ContractError(path, name, expected="a dataset", found=found, remedy=remedy)
    return run.features[name]


def _start(run: Embeddings, half: str | None) -> NDArray[np.float32] | None:
    """The probed features before any training; None for what is not trained.

    The first candidate's stand for all: what a search may change (`config.variants.CHANGEABLE`) is not in the initial
    weights.
    """
    return run.features.get("start" if half in (None, "whole") else f"start_{half}")


def _check_run(run: Embeddings, first: Embeddings, path: str | Path) -> None:
    """Check that the candidates are one method with different settings."""
    for field in ("method", "probed", "seed"):
        expected, found = getattr(first, field), getattr(run, field)
        if expected != found:
            raise ContractError(
                path, field, expected=str(expected), found=str(found), remedy="run the rule embed again"
            )
