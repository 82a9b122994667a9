"""Figures 4-6 start here: all negative pairs of a batch as one table, a row per pair, seed and epoch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from detach_core.contracts.analysis import NO_PAIR, NegativePairs
from detach_core.foundation.errors import ContractError, UserError
from detach_core.reports.figures.drawing import Artifact, Artifacts

KIND = "negative_pairs"
# The order of legends and of what is drawn over what.
KINDS = ("easy", "hard", "false")


def pair_table(artifacts: Artifacts) -> pd.DataFrame:
    """Every pair once for each seed and epoch; pairs of windows whose class names no place are left out.

    Columns: dataset, variant, seed, epoch, kind, first_class, second_class, place (of the first), same_action,
    spatial_similarity, temporal_similarity, weight.

    Raises:
        ContractError: the artifacts are of several datasets, splits or variants, or of other epochs.
        UserError: a kind has no pair.
    """
    found = artifacts[KIND]
    _refuse_other_runs(found)
    table = pd.concat([_rows(artifact.value) for artifact in found], ignore_index=True)
    for kind in KINDS:
        if not (table["kind"] == kind).any():
            first = found[0].value
            raise UserError(
                f"{found[0].path}: kind: found no {kind} pair among the {len(first.window)} windows of {first.dataset},"
                " expected some of each kind; give the batch more windows in the config"
            )
    return table


def batch_note(artifacts: Artifacts) -> str:
    """What the pairs are of, for the provenance line."""
    pairs = artifacts[KIND][0].value
    count = len(pairs.window)
    return f"{pairs.variant} on {pairs.dataset} · {count} pretraining windows, unaugmented"


def epoch_title(epoch: int) -> str:
    """The title of a panel."""
    return f"Stage 2, epoch {epoch}" if epoch else "Stage 2, start (epoch 0)"


def epochs_of(table: pd.DataFrame) -> list[int]:
    """The table's epochs, rising."""
    return sorted(int(epoch) for epoch in table["epoch"].unique())


def pairs_file(artifacts: Artifacts) -> Path:
    """The file that messages name."""
    return artifacts[KIND][0].path


def _refuse_other_runs(found: Sequence[Artifact]) -> None:
    for artifact in found[1:]:
        for name in ("dataset", "split", "variant"):
            _refuse(artifact, name, getattr(artifact.value, name), getattr(found[0].value, name))
        _refuse(artifact, "epochs", *([one.epoch for one in value.value.snapshots] for value in (artifact, found[0])))


def _refuse(artifact: Artifact, field: str, value: object, expected: object) -> None:
    if value != expected:
        remedy = "name one dataset and one variant in the figure's section"
        raise ContractError(artifact.path, field, expected=str(expected), found=str(value), remedy=remedy)


def _rows(pairs: NegativePairs) -> pd.DataFrame:
    first, second = np.nonzero(pairs.kind != NO_PAIR)
    classes, places = np.array(pairs.class_names), np.array(pairs.place_names)
    shared = {
        "dataset": pairs.dataset,
        "variant": pairs.variant,
        "seed": pairs.seed,
        "kind": np.array(pairs.kind_names)[pairs.kind[first, second]],
        "first_class": classes[pairs.label[first]],
        "second_class": classes[pairs.label[second]],
        "place": places[pairs.place[first]],
        "same_action": pairs.action[first] == pairs.action[second],
    }
    return pd.concat(
        [
            pd.DataFrame(
                {
                    **shared,
                    "epoch": one.epoch,
                    "spatial_similarity": one.spatial_similarity[first, second],
                    "temporal_similarity": one.temporal_similarity[first, second],
                    "weight": one.weight[first, second],
                }
            )
            for one in pairs.snapshots
        ],
        ignore_index=True,
    )
