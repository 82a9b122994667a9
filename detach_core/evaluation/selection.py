"""The penalty's strength, by cross-validation inside each training set, for every method alike (decisions.md, D4)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from detach_core.evaluation.logistic import TrainingSets, logits, present_classes, solve

# Far coarser than the final fit: it leaves at most half its square to gain, 0.005 in all units' loss together.
SELECTION_TOLERANCE = 0.1


def select_c(sets: TrainingSets, inner_fold: Tensor, strengths: Sequence[float], num_classes: int) -> Tensor:
    """The C (F,) of least log loss on the inner folds left out; of equal losses the smaller C.

    All sets, inner folds and strengths are solved together. A unit whose class the inner training set lacks says
    nothing about C and is left out of the loss.

    Args:
        sets: the training sets.
        inner_fold: (F, N), the inner fold of each unit, from 0; padding counts for nothing.
        strengths: values of C to try.
        num_classes: K.
    """
    strengths = sorted(strengths)
    num_folds = int(inner_fold.max()) + 1
    grid = torch.tensor(strengths, dtype=sets.axes.dtype, device=sets.axes.device)
    if len(strengths) == 1 or num_folds < 2:
        return grid[:1].expand(len(sets.axes)).clone()
    # Problems are ordered by C, so that those with the strong penalty, which converge first, leave the search together.
    problem_fold = torch.arange(num_folds, device=grid.device).repeat(len(strengths))
    c = grid.repeat_interleave(num_folds).expand(len(sets.axes), -1)
    is_left_out = inner_fold[:, None] == problem_fold[:, None]
    weight = sets.weight[:, None] * ~is_left_out
    solution, _ = solve(sets, weight, c, num_classes, SELECTION_TOLERANCE)
    present = present_classes(sets, weight, num_classes)
    log_p = torch.log_softmax(logits(sets, solution, present), dim=-1).transpose(1, 2)
    label = sets.label[:, None].expand(-1, len(problem_fold), -1)
    loss = -log_p.gather(3, label[..., None])[..., 0]
    counted = sets.weight[:, None] * is_left_out * present.gather(2, label)
    by_problem = (loss * counted).sum(dim=-1).reshape(len(sets.axes), len(strengths), num_folds)
    return grid[by_problem.sum(dim=-1).argmin(dim=-1)]
