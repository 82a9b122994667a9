"""The penalty's strength, and which candidate's features, by cross-validation inside each training set (D4).

It is the same for every method. A test part is never looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from detach_core.evaluation.logistic import TrainingSets, balanced_weights, logits, present_classes, solve

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
