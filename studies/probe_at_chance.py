"""Score of the probe on uninformative features against chance, by kind of folds and class weights.

./run python -m studies.probe_at_chance
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from detach_core.evaluation.metrics import chance_level, mean_average_precision, weighted_f1
from detach_core.evaluation.probes import ClassWeights, fit_logistic_probes
from detach_core.windows.splitting import rotating_folds, stratified_folds
from studies.common import even_labels, write

NUM_CLASSES, NUM_FOLDS, INNER_FOLDS = 5, 5, 3
STRENGTHS = [0.01, 0.1, 1.0, 10.0, 100.0]
# Units -> draws of features.
REPEATS = {18: 300, 20: 300, 60: 60, 200: 20}
WIDTHS = (8, 64, 256)
# Fitted together.
BATCH = 20
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Design:
    """Design of training and test: `held_out` tests as many new units, `uneven` and `equal` rotate.

    With `equal` every fold trains on as many units of each class, with `uneven` on all that it does not test.
    """

    name: str

    def folds(self, label: Ids, rng: np.random.Generator) -> list[tuple[Ids, Ids]]:
        """Rows that train and test each probe."""
        if self.name == "held_out":
            half = len(label) // 2
            return [(np.arange(half), np.arange(half, len(label)))]
        if self.name == "uneven":
            fold_of_unit = stratified_folds(label, NUM_FOLDS, rng)
            return [
                (np.flatnonzero(fold_of_unit != fold), np.flatnonzero(fold_of_unit == fold))
                for fold in range(NUM_FOLDS)
            ]
        folds = rotating_folds(label, NUM_FOLDS, rng, with_val=False)
        return [(np.flatnonzero(train), np.flatnonzero(test)) for train, _, test in folds]


def figures(
    design: Design, num_units: int, width: int, class_weights: ClassWeights, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(BATCH, 2) weighted F1 and mAP of as many draws of noise features."""
    once = even_labels(num_units, NUM_CLASSES)
    label = np.concatenate([once, once]) if design.name == "held_out" else once
    features = rng.normal(size=(BATCH * len(label), width))
    folds = [
        (train + start, test + start)
        for start in range(0, len(features), len(label))
        for train, test in design.folds(label, rng)
    ]
    labels = np.tile(label, BATCH)
    probes = fit_logistic_probes(
        [features],
        labels,
        [train for train, _ in folds],
        [stratified_folds(labels[train], INNER_FOLDS, rng) for train, _ in folds],
        strengths=STRENGTHS,
        num_classes=NUM_CLASSES,
        class_weights=class_weights,
        device=torch.device("cpu"),
    )
    tested = np.concatenate([test for _, test in folds]).reshape(BATCH, -1)
    found = [probe.probabilities(features[test]) for (_, test), probe in zip(folds, probes, strict=True)]
    pooled = np.concatenate(found).reshape(BATCH, -1, NUM_CLASSES)
    ones = np.ones((1, tested.shape[1]))
    return np.array(
        [
            [
                weighted_f1(labels[rows], one.argmax(axis=1), NUM_CLASSES, ones)[0],
                mean_average_precision(labels[rows], one, ones)[0],
            ]
            for rows, one in zip(tested, pooled, strict=True)
        ]
    )


def line(design: Design, num_units: int, width: int, class_weights: ClassWeights) -> dict[str, object]:
    """One line of the table; all designs of a size see the same seeds."""
    batches = REPEATS[num_units] // BATCH
    found = np.concatenate(
        [
            figures(design, num_units, width, class_weights, np.random.default_rng([num_units, width, batch]))
            for batch in range(batches)
        ]
    )
    chance = chance_level(even_labels(num_units, NUM_CLASSES), NUM_CLASSES, np.random.default_rng(0))
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    return {
        "folds": design.name,
        "units": num_units,
        "width": width,
        "class_weights": class_weights,
        "F1": found[:, 0].mean(),
        "F1_se": error[0],
        "chance_F1": chance.f1_weighted,
        "mAP": found[:, 1].mean(),
        "mAP_se": error[1],
        "chance_mAP": chance.map,
        "share_of_F1_0": (found[:, 0] == 0.0).mean(),
    }


def main() -> None:
    """Write `docs/statistics/probe_at_chance`."""
    torch.set_num_threads(1)
    lines = [
        line(Design(name), num_units, width, weights)
        for name in ("uneven", "equal", "held_out")
        for num_units in REPEATS
        for width in WIDTHS
        for weights in get_args(ClassWeights)
    ]
    caption = (
        f"Features are noise; {NUM_CLASSES} classes, {NUM_FOLDS} rotating folds or as many new units to test,"
        f" C of {len(STRENGTHS)} by {INNER_FOLDS} inner folds; means over"
        f" {', '.join(f'{count} draws of {units} units' for units, count in REPEATS.items())}; se: standard error."
        " The probe of the workflow is `equal` or `held_out` with `fit_and_choice`; `uneven` with `none` is the plain"
        " one."
    )
    write("probe_at_chance", pd.DataFrame(lines), title="The probe on uninformative features", caption=caption)


if __name__ == "__main__":
    main()
