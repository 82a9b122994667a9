"""A linear classifier on frozen features: one for each fold, all folds fitted together (decisions.md, D13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detach_core.evaluation.authors_probe import fit_authors_probe
from detach_core.evaluation.logistic import build_training_sets, solve, standardise
from detach_core.evaluation.selection import select_c

# Distance of the coefficients from the exact solution, far below what any figure shows.
FIT_TOLERANCE = 1e-5

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Probe:
    """A fitted classifier: standardise with `mean` and `std` (D,), then `coefficients` (D, K) and `intercept` (K,).

    `c` is the chosen inverse penalty, None without one.
    """

    mean: Tensor
    std: Tensor
    coefficients: Tensor
    intercept: Tensor
    c: float | None

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Softmax probabilities (N, K) of `features` (N, D)."""
        values = torch.as_tensor(features, dtype=torch.float64, device=self.mean.device)
        scores = standardise(values, self.mean, self.std) @ self.coefficients + self.intercept
        probabilities: NDArray[np.float64] = torch.softmax(scores, dim=-1).cpu().numpy()
        return probabilities


def fit_logistic_probes(
    features: NDArray[np.float64],
    label: Ids,
    rows: Sequence[Ids],
    inner_folds: Sequence[Ids],
    *,
    strengths: Sequence[float],
    num_classes: int,
    device: torch.device,
) -> list[Probe]:
    """One logistic regression for each set of training `rows`, its C chosen by cross-validation inside the set.

    Args:
        features: (N, D).
        label: (N,).
        rows: for each probe, the rows of `features` that train it.
        inner_folds: for each probe, the inner fold of each of its rows.
        strengths: values of C to try.
        num_classes: K.
        device: where to solve.

    Raises:
        ValueError: rows and inner folds that do not fit each other.
        RuntimeError: the search ended before it converged.
    """
    if [len(one) for one in rows] != [len(one) for one in inner_folds]:
        raise ValueError("expected one inner fold for each training row")
    values = torch.as_tensor(features, dtype=torch.float64, device=device)
    label_tensor = torch.as_tensor(label, device=device)
    sets = build_training_sets(values, label_tensor, [torch.as_tensor(one, device=device) for one in rows])
    inner = torch.zeros_like(sets.label)
    for k, one in enumerate(inner_folds):
        inner[k, : len(one)] = torch.as_tensor(one, device=device)
    c = select_c(sets, inner, strengths, num_classes)
    solution, residual = solve(sets, sets.weight[:, None], c[:, None], num_classes, FIT_TOLERANCE)
    if float(residual.max()) > FIT_TOLERANCE:
        raise RuntimeError(f"the probe did not converge: the gradient's norm is {float(residual.max()):.1e}")
    coefficients = torch.bmm(sets.turn, solution[:, 0, :-1])
    return [
        Probe(sets.mean[k], sets.std[k], coefficients[k], solution[k, 0, -1], float(c[k])) for k in range(len(rows))
    ]


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
        probes.append(Probe(mean, std, weight, bias, None))
    return probes
