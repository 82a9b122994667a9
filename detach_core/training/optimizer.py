"""AdamW at the scale rule's learning rate (decisions.md, D9)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import nn

from detach_core.settings.shared import OptimizerSettings


def scaled_learning_rate(lr: float, *, max_lr: float, num_steps: int, paper_steps: int | None) -> float:
    """The rate that keeps lr x steps of the paper's run, at most `max_lr`; `lr` itself without `paper_steps`.

    Raises:
        ValueError: no steps.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps must be positive, got {num_steps}")
    if paper_steps is None:
        return lr
    return min(max_lr, lr * paper_steps / num_steps)


def make_optimizer(parameters: Iterable[nn.Parameter], *, lr: float, settings: OptimizerSettings) -> torch.optim.AdamW:
    """AdamW over what is trainable, at `lr`, with the configured weight decay."""
    trainable = [parameter for parameter in parameters if parameter.requires_grad]
    # One kernel for all tensors: these networks have many small ones, and a step would be mostly overhead.
    return torch.optim.AdamW(trainable, lr=lr, weight_decay=settings.weight_decay, fused=True)


class HasLearningRate(Protocol):
    """Settings of a training; a method without `paper_steps` (Stage 1) keeps its rate."""

    @property
    def lr(self) -> float | None:
        """The method's own rate."""

    @property
    def paper_steps(self) -> int | None:
        """Steps of the paper's run."""

    @property
    def optimizer(self) -> OptimizerSettings:
        """The common optimiser."""


def learning_rate_of_run(settings: HasLearningRate, num_steps: int) -> float:
    """The rate of a run of `num_steps`; a method's own `lr` goes before the optimiser's."""
    optimizer = settings.optimizer
    return scaled_learning_rate(
        optimizer.lr if settings.lr is None else settings.lr,
        max_lr=optimizer.max_lr,
        num_steps=num_steps,
        paper_steps=settings.paper_steps,
    )
