"""Label curve: metrics of probes that are fitted on few labelled gestures (or sequences) of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from detach_core.contracts.metrics import ALL_LABELS, Interval, ProtocolResult
from detach_core.contracts.split import Fold, Split
from detach_core.contracts.windows import Windows
from detach_core.evaluation.evaluate import Units, evaluate_protocols
from detach_core.evaluation.probes import ClassWeights
from detach_core.evaluation.settings import LabelCurveSettings

Ids = NDArray[np.int64]
# Tells this draw of gestures from others of the same seed.
_STREAM = 21


def protocol_name(protocol: str, count: int | None) -> str:
    """Name of a point of the curve: the protocol that gives the test part, and the labels of each class."""
    return f"{protocol}, {ALL_LABELS if count is None else '1 label' if count == 1 else f'{count} labels'}"


def labelled_rows(units: Units, rows: Ids, count: int, rng: np.random.Generator) -> Ids:
    """Those of `rows` that belong to `count` gestures of each class, drawn at random; all of a class with fewer.

    With equally seeded generators a smaller count gives a part of what a larger one gives.

    Args:
        units: classified units, with label and gesture of each.
        rows: (N,) places in `units`, the training part.
        count: gestures, or sequences, of each class.
        rng: generator.
    """
    kept = []
    for label in np.unique(units.label[rows]):
        of_class = rows[units.label[rows] == label]
        gestures = rng.permutation(np.unique(units.instance[of_class]))[:count]
        kept.append(of_class[np.isin(units.instance[of_class], gestures)])
    chosen: Ids = np.sort(np.concatenate(kept))
    return chosen


def label_curve(
    windows: Windows,
    split: Split,
    features: NDArray[np.float32],
    *,
    curve: LabelCurveSettings,
    class_weights: ClassWeights,
    interval: Interval,
    device: torch.device,
) -> dict[str, ProtocolResult]:
    """The metrics at each count of labels, by `protocol_name`: means over draws of the labelled gestures.

    The test part is that of the split's `by_*` protocols, or of the first draw of the folds of a split without one.
    Every method gets the same gestures. The probe's strength is fixed, for one gesture a class leaves nothing to choose
    it by.

    Args:
        windows: labels, recordings and instances.
        split: the folds, and the seed of the draws.
        features: (N, D), one row a window.
        curve: counts, draws and strength.
        class_weights: whether the classes count alike in the fit.
        interval: how to make intervals.
        device: where to solve.
    """
    units = Units(windows, features)
    points = {
        protocol_name(protocol, count): tuple(_folds(units, folds, count, curve.draws, split.seed))
        for protocol, folds in _test_protocols(split).items()
        for count in (*curve.counts, None)
    }
    return evaluate_protocols(
        windows,
        replace(split, protocols=points, fold_draws=1),
        [features],
        kind="logistic",
        strengths=[curve.c],
        class_weights=class_weights,
        num_inner_folds=2,
        interval=interval,
        device=device,
    ).results


def _test_protocols(split: Split) -> dict[str, Sequence[Fold]]:
    held_out: dict[str, Sequence[Fold]] = {
        name: folds for name, folds in split.protocols.items() if name.startswith("by_")
    }
    return held_out or {name: [one for one in folds if one.draw == 0] for name, folds in split.protocols.items()}


def _folds(units: Units, folds: Sequence[Fold], count: int | None, draws: int, seed: int) -> list[Fold]:
    """The folds with fewer training windows, once for each draw of the gestures; as they are where all are used."""
    if count is None:
        return list(folds)
    limited = []
    for draw in range(draws):
        for number, fold in enumerate(folds):
            rng = np.random.default_rng([seed, _STREAM, draw, number])
            rows = labelled_rows(units, units.rows(fold.train), count, rng)
            train = fold.train[np.isin(units.of_window[fold.train], units.ids[rows])]
            limited.append(Fold(train, fold.val, fold.test, draw))
    return limited
