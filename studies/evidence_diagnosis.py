"""Diagnosis of the pair weights: discrimination by A and T, and shares of the repelling gradient by kind of pair.

    ./run snakemake results/opportunity/default/{detach,detach-infonce}/seed0/negative_pairs.h5 --cores 2
    ./run python -m studies.evidence_diagnosis [results folder] [variant ...]

For every seed that has `negative_pairs.h5`, on the batch of that file: how well A tells pairs of one place from others
and T same actions from other ones at one place (area under the ROC curve, .5 is chance), the mean weight of each kind,
and the share of the repelling gradient that each kind has, as the run weighs and as if all weights were one.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from detach_core.contracts.analysis import NO_PAIR, NegativePairs, read_negative_pairs
from detach_core.contracts.checkpoint import read_checkpoint
from detach_core.contracts.embeddings import read_embeddings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "evidence" / "diagnosis.csv"
Values = NDArray[np.float64]


def gradient_shares(logits: Values, weight: Values, kind: NDArray[np.int8], names: tuple[str, ...]) -> dict[str, float]:
    """Share of the negatives' softmax mass (the repelling gradient of Eq. 12, both directions) that each kind has."""
    both = np.where(kind == NO_PAIR, kind.T, kind)
    mass = np.zeros(len(names))
    for scores in (logits, logits.T):
        exponent = np.exp(scores - scores.max(axis=1, keepdims=True))
        negative = weight * exponent
        total = negative.sum(axis=1) + exponent.diagonal()
        share = negative / total[:, None]
        mass += [share[both == code].sum() for code in range(len(names))]
    return {f"gradient_{name}": float(value) for name, value in zip(names, mass / mass.sum(), strict=True)}


def diagnose(folder: Path) -> list[dict[str, object]]:
    """One row for each snapshot of a run; the gradient at its end alone, where the embeddings are."""
    pairs: NegativePairs = read_negative_pairs(folder / "negative_pairs.h5")
    embeddings = read_embeddings(folder / "embeddings.h5")
    checkpoint = read_checkpoint(folder / "checkpoint.safetensors")
    rows: list[dict[str, object]] = []
    upper = pairs.kind != NO_PAIR
    codes = {name: pairs.kind_names.index(name) for name in ("easy", "hard", "false")}
    same_place = pairs.kind[upper] != codes["easy"]
    at_one_place = (pairs.kind == codes["hard"]) | (pairs.kind == codes["false"])
    same_action = pairs.kind[at_one_place] == codes["false"]
    for one in pairs.snapshots:
        row: dict[str, object] = {
            "dataset": pairs.dataset,
            "variant": pairs.variant,
            "seed": pairs.seed,
            "epoch": one.epoch,
            "auc_place_by_a": roc_auc_score(same_place, one.spatial_similarity[upper]),
            "auc_action_by_t": roc_auc_score(same_action, one.temporal_similarity[at_one_place]),
            "sd_t_at_one_place": float(one.temporal_similarity[at_one_place].std()),
        }
        for name, code in codes.items():
            row[f"share_{name}"] = float((pairs.kind[upper] == code).mean())
            row[f"weight_{name}"] = float(one.weight[pairs.kind == code].mean())
        rows.append(row)
    sensor, video = (embeddings.features[name][pairs.window].astype(np.float64) for name in ("sensor", "video"))
    unit = [rows_ / np.linalg.norm(rows_, axis=1, keepdims=True) for rows_ in (video, sensor)]
    logits = unit[0] @ unit[1].T / float(checkpoint.settings["temperature"])
    weight = pairs.snapshots[-1].weight.astype(np.float64)
    rows[-1] |= gradient_shares(logits, weight, pairs.kind, pairs.kind_names)
    plain = gradient_shares(logits, 1.0 - np.eye(len(weight)), pairs.kind, pairs.kind_names)
    rows[-1] |= {f"{name}_unweighted": value for name, value in plain.items()}
    return rows


def main(results: Path, variants: list[str]) -> None:
    """Write `docs/evidence/diagnosis.csv`."""
    found = [
        row
        for variant in variants
        for path in sorted(results.glob(f"*/*/{variant}/seed*/negative_pairs.h5"))
        for row in diagnose(path.parent)
    ]
    if not found:
        sys.exit(f"{results}: no negative_pairs.h5 of {', '.join(variants)}")
    columns = list(dict.fromkeys(name for row in found for name in row))
    PAGE.parent.mkdir(exist_ok=True)
    with PAGE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}
            for row in found
        )
    print(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "results"), sys.argv[2:] or ["detach", "detach-infonce"])
