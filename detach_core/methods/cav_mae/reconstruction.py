"""Masked reconstruction: how far predicted patches are from those that were hidden (MAE; CAV-MAE's L_r)."""

from __future__ import annotations

import torch
from torch import Tensor

# Under the root, as in the official code.
EPS = 1e-6


def masked_reconstruction(
    prediction: Tensor, target: Tensor, real: Tensor, *, normalise: bool, flat_variance: float
) -> Tensor:
    """Mean over hidden patches of each patch's mean squared error. Range [0, inf); 0 where no patch is left.

    Source: CAV-MAE (src/models/cav_mae.py:353-418), which has it from MAE. With `normalise` a patch is reconstructed at
    mean 0 and (unbiased) variance 1.

    Note (differs from the official code): what fills patches up at an edge counts neither for a patch's error nor for
    its mean and variance, and normalised patches that are flat are left out: a switch that does not move has no
    variance, and dividing by its root would make a target of rounding errors.

    Args:
        prediction: (..., P) of hidden patches only.
        target: (..., P), their true values; gets no gradient.
        real: (..., P) bool, False for filling.
        normalise: whether targets are normalised patch by patch.
        flat_variance: at most this variance is flat; at least 0.

    Raises:
        ValueError: on shapes that do not fit or a negative `flat_variance`.
    """
    if prediction.shape != target.shape or real.shape != target.shape or real.dtype != torch.bool or not target.ndim:
        raise ValueError(
            "expected predictions, targets and a boolean mask of one shape (..., P), got "
            f"{tuple(prediction.shape)}, {tuple(target.shape)} and {tuple(real.shape)} {real.dtype}"
        )
    if not flat_variance >= 0:
        raise ValueError(f"flat_variance must be at least 0, got {flat_variance}")
    number = real.sum(dim=-1, keepdim=True)
    wanted, counted = target.detach(), number[..., 0] > 0
    if normalise:
        mean = (wanted * real).sum(dim=-1, keepdim=True) / number.clamp(min=1)
        centred = (wanted - mean) * real
        variance = centred.square().sum(dim=-1, keepdim=True) / (number - 1).clamp(min=1)
        wanted, counted = centred * (variance + EPS).rsqrt(), counted & (variance[..., 0] > flat_variance)
    error = ((prediction - wanted) * real).square().sum(dim=-1) / number[..., 0].clamp(min=1)
    return torch.where(counted, error, 0.0).sum() / counted.sum().clamp(min=1)
