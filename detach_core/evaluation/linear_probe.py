"""A linear classifier on frozen features: one for each fold, all folds fitted together (decisions.md, D13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detach_core.evaluation.authors_probe import fit_authors_probe
from detach_core.evaluation.logistic import (
    TrainingSets,
    balanced_weights,
    build_training_sets,
    solve,
    standardise,
)
from detach_core.evaluation.selection import inner_losses, select

# Distance of the coefficients from the exact solution, far below what any figure shows.
FIT_TOLERANCE = 1e-5

Ids = NDArray[np.int64]
# Where the classes count alike, whatever their units' number.
ClassWeights = Literal["none", "fit", "fit_and_choice"]


@dataclass(frozen=True)
class Probe:
    """A fitted classifier: standardise with `mean` and `std` (D,), then `coefficients` (D, K) and `intercept` (K,).

    `c` is the chosen inverse penalty, None without one; `candidate` the place of the features that it takes;
    `inner_loss` the mean log loss by which both were chosen, a row a candidate and a column a C in rising order, empty
    where there was nothing to choose by.
    """

    mean: Tensor
    std: Tensor
    coefficients: Tensor
    intercept: Tensor
    c: float | None
    candidate: int
    inner_loss: tuple[tuple[float, ...], ...]

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Softmax probabilities (N, K) of `features` (N, D)."""
        values = torch.as_tensor(features, dtype=torch.float64, device=self.mean.device)
        scores = standardise(values, self.mean, self.std) @ self.coefficients + self.intercept
        probabilities: NDArray[np.float64] = torch.softmax(scores, dim=-1).cpu().numpy()
        return probabilities


def fit_logistic_probes(
    features: Sequence[NDArray[np.float64]],
    label: Ids,
    rows: Sequence[Ids],
    inner_folds: Sequence[Ids],
    *,
    strengths: Sequence[float],
    num_classes: int,
    class_weights: ClassWeights,
    device: torch.device,
) -> list[Probe]:
    """One logistic regression for each set of training `rows`.

    Its C, and which of the candidates' features it takes, are chosen by cross-validation inside the set.

    Args:
        features: (N, D) of each candidate, the unchanged settings first.
        label: (N,).
        rows: for each probe, the rows of the features that train it.
        inner_folds: for each probe, the inner fold of each of its rows.
        strengths: values of C to try.
        num_classes: K.
        class_weights: whether the classes count alike in the fit, and in the choice too.
        device: where to solve.

    Raises:
        ValueError: rows and inner folds that do not fit each other.
        RuntimeError: the search ended before it converged.
    """
    if [len(one) for one in rows] != [len(one) for one in inner_folds]:
        raise ValueError("expected one inner fold for each training row")
    label_tensor = torch.as_tensor(label, device=device)
    chosen_rows = [torch.as_tensor(one, device=device) for one in rows]
    values = [torch.as_tensor(one, dtype=torch.float64, device=device) for one in features]
    sets = [build_training_sets(one, label_tensor, chosen_rows) for one in values]
    inner = torch.zeros_like(sets[0].label)
    for k, one in enumerate(inner_folds):
        inner[k, : len(one)] = torch.as_tensor(one, device=device)
    grid = sorted(strengths)
    candidate = place = torch.zeros(len(rows), dtype=torch.int64, device=device)
    scores: list[tuple[tuple[float, ...], ...]] = [()] * len(rows)
    if len(sets) * len(grid) > 1:
        alike = class_weights == "fit_and_choice"
        found = (inner_losses(one, inner, grid, num_classes, balanced=alike) for one in sets)
        losses, counts = zip(*found, strict=True)
        candidate, place = select(losses)
        scores = [_mean_losses([one[k] for one in losses], float(counts[0][k])) for k in range(len(rows))]
    c = torch.tensor(grid, dtype=torch.float64, device=device)[place]
    probes: dict[int, Probe] = {}
    for number, all_folds in enumerate(sets):
        folds = torch.nonzero(candidate == number)[:, 0]
        if len(folds):
            # All of them stay as they are: the same bits as without candidates.
            part = all_folds if len(folds) == len(rows) else all_folds.take(folds)
            fitted = _fit(part, c[folds], num_classes, balanced=class_weights != "none")
            for k, (coefficients, intercept) in zip(folds.tolist(), fitted, strict=True):
                mean, std = all_folds.mean[k], all_folds.std[k]
                probes[k] = Probe(mean, std, coefficients, intercept, float(c[k]), number, scores[k])
    return [probes[k] for k in range(len(rows))]


def _fit(sets: TrainingSets, c: Tensor, num_classes: int, *, balanced: bool) -> list[tuple[Tensor, Tensor]]:
    """Coefficients (D, K) and intercepts (K,) of each set at its C (F,)."""
    weight = sets.weight[:, None]
    if balanced:
        weight = balanced_weights(sets, weight, num_classes)
    solution, residual = solve(sets, weight, c[:, None], num_classes, FIT_TOLERANCE)
    if float(residual.max()) > FIT_TOLERANCE:
        raise RuntimeError(f"the probe did not converge: the gradient's norm is {float(residual.max()):.1e}")
    coefficients = torch.bmm(sets.turn, solution[:, 0, :-1])
    return [(coefficients[k], solution[k, 0, -1]) for k in range(len(c))]


def _mean_losses(losses: Sequence[Tensor], count: float) -> tuple[tuple[float, ...], ...]:
    """The mean loss of each candidate and C from the sums (S,); empty where no unit was counted."""
    return tuple(tuple((one / count).tolist()) for one in losses) if count else ()


def fit_authors_probes(
    features: NDArray[np.float64],
    label: Ids,
    rows: Sequence[Ids],
    *,
    num_classes: int,
    seed: int,
    device: torch.device,
) -> list[Probe]:
    """One probe of the authors' kind for each set of training `rows`; the same start for each."""
    values = torch.as_tensor(features, dtype=torch.float64, device=device)
    label_tensor = torch.as_tensor(label, device=device)
    mean, std = torch.zeros_like(values[0]), torch.ones_like(values[0])
    probes = []
    for one in rows:
        chosen = torch.as_tensor(one, device=device)
        generator = torch.Generator().manual_seed(seed)
        weight, bias = fit_authors_probe(values[chosen], label_tensor[chosen], num_classes, generator)
        probes.append(Probe(mean, std, weight, bias, None, 0, ()))
    return probes
