"""Variation of a metric of 18 units between random draws of the folds.

./run python -m studies.fold_draws
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from detach_core.evaluation.metrics import weighted_f1
from detach_core.evaluation.probes import fit_logistic_probes
from detach_core.windows.splitting import stratified_folds
from studies.common import even_labels, write
from studies.probe_at_chance import INNER_FOLDS, NUM_CLASSES, NUM_FOLDS, STRENGTHS, Design

NUM_UNITS, WIDTH, FEATURES, DRAWS = 18, 64, 40, 20
SIGNALS = (0.0, 0.2, 0.4)


def scores(signal: float, rng: np.random.Generator) -> list[float]:
    """Weighted F1 of each draw of folds on one set of features, whose classes' means have deviation `signal`."""
    label = even_labels(NUM_UNITS, NUM_CLASSES)
    features = rng.normal(size=(NUM_UNITS, WIDTH)) + signal * rng.normal(size=(NUM_CLASSES, WIDTH))[label]
    folds = [fold for _ in range(DRAWS) for fold in Design("equal").folds(label, rng)]
    probes = fit_logistic_probes(
        [features],
        label,
        [train for train, _ in folds],
        [stratified_folds(label[train], INNER_FOLDS, rng) for train, _ in folds],
        strengths=STRENGTHS,
        num_classes=NUM_CLASSES,
        class_weights="fit_and_choice",
        device=torch.device("cpu"),
    )
    predicted = np.zeros((DRAWS, NUM_UNITS), dtype=np.int64)
    for number, ((_, test), probe) in enumerate(zip(folds, probes, strict=True)):
        predicted[number // NUM_FOLDS, test] = probe.probabilities(features[test]).argmax(axis=1)
    once = np.ones((1, NUM_UNITS))
    return [float(weighted_f1(label, one, NUM_CLASSES, once)[0]) for one in predicted]


def line(signal: float) -> dict[str, object]:
    """One line of the table."""
    found = np.array([scores(signal, np.random.default_rng([int(10 * signal), k])) for k in range(FEATURES)])
    within = float(np.sqrt(found.var(axis=1, ddof=1).mean()))
    return {
        "signal": signal,
        "F1": found.mean(),
        "sd_of_one_draw": within,
        "sd_of_the_mean_of_20": within / DRAWS**0.5,
        "sd_over_features": found.mean(axis=1).std(ddof=1),
    }


def main() -> None:
    """Write `docs/statistics/fold_draws`."""
    torch.set_num_threads(1)
    caption = (
        f"{NUM_UNITS} units of {NUM_CLASSES} classes, {NUM_FOLDS} folds, width {WIDTH}; {FEATURES} sets of features,"
        f" {DRAWS} draws of folds each. The deviation of one draw is within a set of features."
    )
    frame = pd.DataFrame([line(signal) for signal in SIGNALS])
    write("fold_draws", frame, title="The luck of a draw of folds", caption=caption)


if __name__ == "__main__":
    main()
