"""What every process has, gathered with gradient."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, own: Tensor) -> Tensor:
        own = own.contiguous()
        everyone = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(everyone, own)
        return torch.stack(everyone)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        # What was given here went into the loss of every process.
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total[dist.get_rank()]


def gather_from_all(own: Tensor) -> Tensor:
    """The tensors (...) of all R processes, one after another: (R, ...), in the order of their ranks.

    All must call it together with tensors of one shape. The gradient of `own` is the sum of what all processes' losses
    say of it.
    """
    everyone: Tensor = _Gather.apply(own)  # type: ignore[no-untyped-call]
    return everyone
