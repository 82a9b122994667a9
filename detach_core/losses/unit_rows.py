"""Rows of length 1, safe for dead encoders."""

from __future__ import annotations

import torch
from torch import Tensor

# Shorter rows count as zero: they have no direction, so their cosine with anything is 0.
SHORTEST = 1e-12


def unit_rows(feature: Tensor) -> Tensor:
    """`feature` (..., d) with each row divided by its length; a zero row stays zero.

    Dividing by max(length, eps), the usual form, sends a gradient of 1 / eps into a zero row; here such a row is
    divided by 1.
    """
    length = torch.linalg.vector_norm(feature, dim=-1, keepdim=True)
    return feature / torch.where(length > SHORTEST, length, torch.ones_like(length))
