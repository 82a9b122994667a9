"""What is contrasted: a spatial and a temporal half (paper, Sec. 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from detach_core.losses.contrastive import unit_rows


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
