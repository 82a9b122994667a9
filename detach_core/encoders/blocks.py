"""Building blocks of encoders: network sizes, frozen and momentum encoders, learned temperature, joined halves."""

from __future__ import annotations

import copy
import math
from typing import Literal, Self, TypeVar

import torch
from torch import Tensor, nn

from detach_core.losses import unit_rows

Size = Literal["small", "paper"]

Widths = TypeVar("Widths")


def for_size(size: str, *, small: Widths, paper: Widths) -> Widths:
    """`small` or `paper`, whichever `size` names.

    Raises:
        ValueError: for any other size.
    """
    if size == "small":
        return small
    if size == "paper":
        return paper
    raise ValueError(f"size must be 'small' or 'paper', got {size!r}")


class FrozenEncoder(nn.Module):
    """Permanently frozen `encoder` in evaluation mode: `train()` of a parent does not affect it.

    Note (differs from paper): the authors freeze the parameters but leave BatchNorm in training mode.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """No effect: a frozen encoder stays in evaluation mode."""
        del mode
        return self

    @torch.no_grad()
    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """The encoder's feature, without gradient."""
        feature: torch.Tensor = self.encoder(*inputs)
        return feature


class MomentumEncoder(nn.Module):
    """An exponential moving average of an encoder's parameters, never trained itself.

    It starts as an exact copy. BatchNorm statistics are not averaged: in training mode the copy's BatchNorm works on
    its own batches; dropout never drops in it.
    """

    def __init__(self, online: nn.Module) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(online).requires_grad_(False)
        self.train(online.training)

    @torch.no_grad()
    def update(self, online: nn.Module, momentum: float) -> None:
        """One step of the average: theta' <- momentum theta' + (1 - momentum) theta, over parameters only.

        Raises:
            ValueError: if `momentum` is outside [0, 1] or `online` has other parameters.
        """
        if not 0.0 <= momentum <= 1.0:
            raise ValueError(f"momentum must be within [0, 1], got {momentum}")
        for slow, fast in zip(self.encoder.parameters(), online.parameters(), strict=True):
            slow.mul_(momentum).add_(fast, alpha=1.0 - momentum)

    def train(self, mode: bool = True) -> Self:
        """Training mode for BatchNorm alone."""
        super().train(False)
        self.training = mode
        for module in self.encoder.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.train(mode)
        return self

    @torch.no_grad()
    def forward(self, *inputs: Tensor) -> Tensor:
        """The slow encoder's feature, without gradient."""
        feature: Tensor = self.encoder(*inputs)
        return feature


def share_of_start_left(momentum: float, steps: int) -> float:
    """Share of the starting weights in a momentum encoder after `steps`: momentum ** steps."""
    return float(momentum**steps)


def momentum_for(momentum: float, steps: int, left_at_most: float | None) -> float:
    """`momentum`, lowered where `steps` would leave more than `left_at_most` of the start; None: unchanged.

    Raises:
        ValueError: if `left_at_most` is outside (0, 1).
    """
    if left_at_most is None or steps <= 0:
        return momentum
    if not 0.0 < left_at_most < 1.0:
        raise ValueError(f"left_at_most must be within (0, 1), got {left_at_most}")
    return float(min(momentum, left_at_most ** (1.0 / steps)))


class LearnedTemperature(nn.Module):
    """exp of a learned logarithm, kept within [`smallest`, 1].

    Note (differs from the official code): IMU2CLIP and PRIMUS learn the temperature itself, which may cross zero; its
    logarithm cannot.
    """

    def __init__(self, start: float, *, smallest: float = 0.01) -> None:
        """Args: start: the first value; smallest: as CLIP's, whose logits are scaled by at most 100.

        Raises:
            ValueError: `start` lies outside [smallest, 1].
        """
        super().__init__()
        if not smallest <= start <= 1.0:
            raise ValueError(f"the temperature must start within [{smallest}, 1], got {start}")
        self.smallest = smallest
        self.logarithm = nn.Parameter(torch.tensor(math.log(start)))

    def forward(self) -> Tensor:
        """The temperature, a scalar with a gradient (none beyond the bounds)."""
        return self.logarithm.clamp(math.log(self.smallest), 0.0).exp()

    @torch.no_grad()
    def keep_within_bounds(self) -> None:
        """Clamp the logarithm after a step, so that its gradient does not vanish outside the bounds."""
        self.logarithm.clamp_(math.log(self.smallest), 0.0)


def decomposed_feature(spatial: Tensor, temporal: Tensor) -> Tensor:
    """Eqs. 5-6: the two halves (N, d) and (N, e) side by side, (N, d + e); serves videos and sensors alike.

    Note (differs from paper): each half is L2-normalised first, as in the authors' code, so that neither drowns the
    other.

    Raises:
        ValueError: on shapes that do not fit.
    """
    if spatial.ndim != 2 or temporal.ndim != 2 or len(spatial) != len(temporal):
        raise ValueError(f"expected (N, d) and (N, e), got {tuple(spatial.shape)} and {tuple(temporal.shape)}")
    return torch.cat([unit_rows(spatial), unit_rows(temporal)], dim=1)


def flat_frames(frames: Tensor, time_average: str) -> Tensor:
    """Frames (B or B * F, 3, H, W) of mean frames (B, 3, H, W), or of (B, F, 3, H, W) to be averaged as features.

    Raises:
        ValueError: another shape than `time_average`, `pixels` or `features`, asks for.
    """
    dimensions = 4 if time_average == "pixels" else 5
    if frames.ndim != dimensions or frames.shape[-3] != 3:
        form = "(B, 3, H, W)" if dimensions == 4 else "(B, F, 3, H, W)"
        raise ValueError(f"time_average {time_average!r} expects {form}, got {tuple(frames.shape)}")
    return frames.flatten(0, -4)
