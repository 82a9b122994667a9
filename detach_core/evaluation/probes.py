"""Linear probes on frozen features, one for each fold, with penalty and candidate chosen inside its training set.

All folds are fitted together. The choice is by cross-validation and the same for every method; a test part is never
looked at. The probe of the paper's authors (Adam on the raw features, a fixed number of epochs, the last one kept)
underfits where a training set is small, so it is an extra and not the result (docs/statistics.md). Its numbers are
fixed: another number would be another probe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from detach_core.evaluation.logistic import (
    TrainingSets,
    balanced_weights,
    build_training_sets,
    logits,
    present_classes,
    solve,
    standardise,
)

LEARNING_RATE = 1e-3

EPOCHS = 50

BATCH_SIZE = 64


def fit_authors_probe(
    features: Tensor, label: Tensor, num_classes: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Coefficients (D, K) and intercepts (K,), both float64.

    Args:
        features: (N, D).
        label: (N,).
        num_classes: K.
        generator: draws the start and the order of the units, on the CPU.
    """
    # The start of torch's own linear layer, drawn from our generator instead of the global one.
    bound = features.shape[1] ** -0.5
    weight = (torch.rand(features.shape[1], num_classes, generator=generator) * 2 - 1) * bound
    bias = (torch.rand(num_classes, generator=generator) * 2 - 1) * bound
    weight = weight.to(features.device).requires_grad_()
    bias = bias.to(features.device).requires_grad_()
    optimizer = torch.optim.Adam([weight, bias], lr=LEARNING_RATE)
    inputs = features.to(torch.float32)
    for _ in range(EPOCHS):
        order = torch.randperm(len(inputs), generator=generator).to(features.device)
        for rows in torch.split(order, BATCH_SIZE):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(inputs[rows] @ weight + bias, label[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return weight.detach().double(), bias.detach().double()


# Far coarser than the final fit: it leaves at most half its square to gain, 0.005 in all units' loss together.
SELECTION_TOLERANCE = 0.1


def select(losses: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The candidate (F,) and the place of C (F,) of least loss; of equal losses the first candidate and the smaller C.

    Args:
        losses: (F, S) of each candidate, on the same units and inner folds; the unchanged settings first.
    """
    stacked = torch.stack(list(losses), dim=1)
    best = stacked.flatten(start_dim=1).argmin(dim=-1)
    return best // stacked.shape[2], best % stacked.shape[2]


def inner_losses(
    sets: TrainingSets, inner_fold: Tensor, strengths: Sequence[float], num_classes: int, *, balanced: bool
) -> tuple[Tensor, Tensor]:
    """Log loss (F, S) on the inner folds left out, summed over units, for each C in rising order; their weight (F,).

    All sets, inner folds and strengths are solved together. A unit whose class the inner training set lacks says
    nothing about C and is left out of the loss; in a set of a single inner fold, all are.

    Args:
        sets: the training sets.
        inner_fold: (F, N), the inner fold of each unit, from 0; padding counts for nothing.
        strengths: values of C to try.
        num_classes: K.
        balanced: whether the classes count alike, in each inner training set and in the loss over the whole set.
    """
    strengths = sorted(strengths)
    num_folds = int(inner_fold.max()) + 1
    grid = torch.tensor(strengths, dtype=sets.axes.dtype, device=sets.axes.device)
    if num_folds < 2:
        return grid.new_zeros(len(sets.axes), len(strengths)), grid.new_zeros(len(sets.axes))
    # Problems are ordered by C, so that those with the strong penalty, which converge first, leave the search together.
    problem_fold = torch.arange(num_folds, device=grid.device).repeat(len(strengths))
    c = grid.repeat_interleave(num_folds).expand(len(sets.axes), -1)
    is_left_out = inner_fold[:, None] == problem_fold[:, None]
    weight = sets.weight[:, None] * ~is_left_out
    fit_weight = balanced_weights(sets, weight, num_classes) if balanced else weight
    solution, _ = solve(sets, fit_weight, c, num_classes, SELECTION_TOLERANCE)
    present = present_classes(sets, weight, num_classes)
    log_p = torch.log_softmax(logits(sets, solution, present), dim=-1).transpose(1, 2)
    label = sets.label[:, None].expand(-1, len(problem_fold), -1)
    loss = -log_p.gather(3, label[..., None])[..., 0]
    loss_weight = balanced_weights(sets, sets.weight[:, None], num_classes) if balanced else sets.weight[:, None]
    counted = loss_weight * is_left_out * present.gather(2, label)
    by_problem = (loss * counted).sum(dim=-1).reshape(len(sets.axes), len(strengths), num_folds)
    # The same units are counted for every C.
    return by_problem.sum(dim=-1), counted.sum(dim=(1, 2)) / len(strengths)


# Distance of the coefficients from the exact solution, far below what any metric shows.
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
    """One probe of the authors' kind for each set of training `rows`, all with the same initial weights."""
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
