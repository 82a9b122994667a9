"""Stage `recognizer`: a trained run as a recogniser of activities that needs the sensors alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch

from detach_core.contracts.checkpoint import Checkpoint, read_checkpoint
from detach_core.contracts.classifier import Classifier, read_classifier
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.recognizer import Description
from detach_core.contracts.split import Split, read_split
from detach_core.contracts.windows import Windows, open_windows
from detach_core.evaluation.evaluate import relabelled
from detach_core.foundation.errors import ContractError
from detach_core.foundation.logs import stage_log
from detach_core.recognition.build import build_recognizer
from detach_core.recognition.settings import RecognizerJob
from detach_core.settings.base import from_plain, to_plain


def recognizer(
    *,
    settings: str,
    windows_path: str | Path,
    split_path: str | Path,
    checkpoint_paths: Sequence[str | Path],
    classifier_path: str | Path,
    recognizer_path: str | Path,
    log_path: str | Path,
) -> None:
    """Write the folder `recognizer`. Nothing of the video is read.

    Args:
        settings: JSON of a `RecognizerJob`.
        windows_path: `windows.h5`, of which the sensors are read.
        split_path: `split.json`.
        checkpoint_paths: `checkpoint.safetensors` of the run, and of each candidate among which its probe selected.
        classifier_path: `classifier.safetensors`, which names the checkpoint of its features.
        recognizer_path: the folder to write.
        log_path: the log.
    """
    with stage_log(log_path, "recognizer") as log:
        job = from_plain(RecognizerJob, json.loads(settings))
        # So small a network gains nothing by a device or threads, and one thread gives the same bits anywhere.
        torch.set_num_threads(job.threads)
        windows, split, classifier = (
            open_windows(windows_path),
            read_split(split_path),
            read_classifier(classifier_path),
        )
        checkpoint = _checkpoint_of(classifier, classifier_path, checkpoint_paths)
        _check_match(windows, split, classifier, classifier_path)
        made_of: dict[str, Windows | Split | Checkpoint | Classifier] = {
            "windows": windows,
            "split": split,
            "checkpoint": checkpoint,
            "classifier": classifier,
        }
        provenance = make_provenance(
            stage="recognizer",
            source=windows.source,
            settings=to_plain(job),
            seed=checkpoint.provenance.seed,
            inputs={role: artifact.provenance.artifact_id for role, artifact in made_of.items()},
        )
        description = build_recognizer(
            recognizer_path,
            windows=windows if classifier.target == "class" else relabelled(windows, classifier.target),
            split=split,
            checkpoint=checkpoint,
            classifier=classifier,
            job=job,
            provenance=provenance,
        )
        for line in summary(description):
            log.info("%s", line)
        for mode, threshold in description.thresholds.items():
            if threshold.coverage < threshold.wanted:
                log.warning(
                    "%s: %d held-out %ss guarantee a coverage of %.2f and not the %.2f of `recognizer.coverage`",
                    mode,
                    threshold.groups,
                    threshold.group,
                    threshold.coverage,
                    threshold.wanted,
                )


def summary(description: Description) -> list[str]:
    """Lines on a recogniser: its temperature, and for plain and smoothed labels threshold and measures."""
    fitted = description.calibration
    lines = [
        f"{description.variant} of {description.dataset}: {len(description.channels)} channels,"
        f" {len(description.classes)} classes; temperature {fitted.temperature:.2f} by {fitted.windows} windows,"
        f" log loss {fitted.log_loss_before:.2f} to {fitted.log_loss_after:.2f}"
    ]
    for mode, one in description.thresholds.items():
        measured = description.measures[mode]
        lines.append(
            f"{mode}: known above {one.probability:.3f}, {one.known:.0%} of the held-out windows;"
            f" coverage {one.coverage:.2f} by {one.groups} {one.group}s, measured {one.measured:.2f};"
            f" F1 {measured.f1_weighted:.3f}, of segments {measured.segment_f1_50:.3f}, edit score"
            f" {measured.edit_score:.3f}"
        )
    return lines


def _checkpoint_of(classifier: Classifier, path: str | Path, checkpoint_paths: Sequence[str | Path]) -> Checkpoint:
    """The checkpoint on whose features the classifier was fitted."""
    named, found = classifier.provenance.inputs.get("checkpoint", "nothing"), []
    for one in checkpoint_paths:
        checkpoint = read_checkpoint(one)
        if checkpoint.provenance.artifact_id == named:
            return checkpoint
        found.append(checkpoint.provenance.artifact_id)
    expected = f"one of the checkpoints {', '.join(found)}"
    raise ContractError(path, "provenance.checkpoint", expected=expected, found=named, remedy="rerun the rule `probe`")


def _check_match(windows: Windows, split: Split, classifier: Classifier, path: str | Path) -> None:
    """Check that the classifier is of these windows and this split."""
    for role, artifact in (("windows", windows), ("split", split)):
        expected, found = artifact.provenance.artifact_id, classifier.provenance.inputs.get(role, "nothing")
        if expected != found:
            raise ContractError(
                path, f"provenance.{role}", expected=expected, found=found, remedy="rerun the rule `probe`"
            )
