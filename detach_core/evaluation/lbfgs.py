"""L-BFGS for many smooth convex problems at once, in float64, each with its own step, memory and stopping.

Problems lie in a grid (F, Q). Each step evaluates all of them once: one that does not go down enough keeps its place
and tries half the step next time. Columns in which every problem has converged leave the computation.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

MEMORY = 10
SUFFICIENT_DECREASE = 1e-4
# Near the minimum a real decrease drowns in rounding. Where the value rose by no more than this share of it, the slope
# at the end of the step decides instead, which is exact for longer (Hager and Zhang's approximate Wolfe condition).
ROUNDING = 1e-8

Evaluate = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def minimise(
    evaluate: Evaluate, start: Tensor, curvature: Tensor, *, tolerance: float, max_steps: int
) -> tuple[Tensor, Tensor]:
    """The minimisers (F, Q, D), and the norm (F, Q) of the gradient there.

    Args:
        evaluate: takes points (F, q, D) and which of the Q columns they are (q,), gives values (F, q) and gradients.
        start: (F, Q, D) float64.
        curvature: (F, Q, D), an estimate of the Hessian's diagonal.
        tolerance: a problem has converged when its gradient's norm is at most this.
        max_steps: evaluations after which the search ends in any case.
    """
    columns = torch.arange(start.shape[1], device=start.device)
    result, residual = start.clone(), start.new_full(start.shape[:2], torch.inf)
    point, scale = start.clone(), 1.0 / curvature
    value, gradient = evaluate(point, columns)
    gamma = torch.ones_like(value)
    pairs: list[tuple[Tensor, Tensor, Tensor]] = []
    direction = -scale * gradient
    step = torch.ones_like(value)
    for _ in range(max_steps):
        active = gradient.norm(dim=-1) > tolerance
        keep = active.any(dim=0)
        result[:, columns], residual[:, columns] = point, gradient.norm(dim=-1)
        if not bool(keep.any()):
            break
        if int(keep.sum()) <= 0.75 * len(columns):
            columns, active = columns[keep], active[:, keep]
            point, scale, value, gradient, gamma, direction, step = (
                state[:, keep] for state in (point, scale, value, gradient, gamma, direction, step)
            )
            pairs = [(moved[:, keep], bent[:, keep], inverse[:, keep]) for moved, bent, inverse in pairs]
        trial = point + (step * active)[..., None] * direction
        trial_value, trial_gradient = evaluate(trial, columns)
        slope = (gradient * direction).sum(dim=-1)
        lower = trial_value <= value + SUFFICIENT_DECREASE * step * slope
        level = trial_value <= value + ROUNDING * value.abs()
        flatter = (trial_gradient * direction).sum(dim=-1) <= (2.0 * SUFFICIENT_DECREASE - 1.0) * slope
        accepted = active & (lower | (level & flatter))
        # `where`, not a product: a refused trial may be infinite.
        moved = torch.where(accepted[..., None], trial - point, 0.0)
        bent = torch.where(accepted[..., None], trial_gradient - gradient, 0.0)
        turn = (moved * bent).sum(dim=-1)
        # A refused step is remembered as a pair of no effect: its inverse is 0.
        inverse = torch.where(turn > 0.0, 1.0 / turn, torch.zeros_like(turn))
        pairs = [*pairs[-(MEMORY - 1) :], (moved, bent, inverse)]
        bend = (bent * scale * bent).sum(dim=-1)
        gamma = torch.where(turn > 0.0, turn / bend, gamma)
        value = torch.where(accepted, trial_value, value)
        point = torch.where(accepted[..., None], trial, point)
        gradient = torch.where(accepted[..., None], trial_gradient, gradient)
        direction = -_inverse_hessian_times(gradient, pairs, gamma[..., None] * scale)
        step = torch.where(accepted, torch.ones_like(step), 0.5 * step)
    return result, residual


def _inverse_hessian_times(vector: Tensor, pairs: list[tuple[Tensor, Tensor, Tensor]], scale: Tensor) -> Tensor:
    """The two-loop recursion."""
    amounts = []
    for moved, bent, inverse in reversed(pairs):
        amount = inverse * (moved * vector).sum(dim=-1)
        vector = vector - amount[..., None] * bent
        amounts.append(amount)
    vector = scale * vector
    for (moved, bent, inverse), amount in zip(pairs, reversed(amounts), strict=True):
        change = amount - inverse * (bent * vector).sum(dim=-1)
        vector = vector + change[..., None] * moved
    return vector
