"""The state of processes that train together: compared after each epoch, and set to the first process's."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.distributed as dist
from torch import Tensor

from detach_core.foundation.errors import UserError

# Equal operations on equal devices differ by rounding at most; what lies further apart is another training.
LARGEST_DRIFT = 1e-3
_MAIN = 0


@torch.no_grad()
def agree(tensors: Mapping[str, Tensor], *, device: torch.device, count: int) -> dict[str, float]:
    """Set `tensors` to those of the first process, in place; by how much each that differed anywhere did, at most.

    All processes call it together and get the same answer. On the CPU nothing differs. A GPU may sum in another order
    from run to run.

    Args:
        tensors: of the same names and shapes everywhere.
        device: on which the processes are connected.
        count: how many they are.

    Raises:
        UserError: more than rounding differs, so some process computes something else; in every process.
    """
    found = torch.tensor([_take_over(tensor, device) for tensor in tensors.values()], dtype=torch.float64).to(device)
    dist.all_reduce(found, dist.ReduceOp.MAX)
    drift = {name: each for name, each in zip(tensors, found.tolist(), strict=True) if each[0]}
    for name, (largest, is_refused) in drift.items():
        if is_refused:
            raise UserError(
                f"the {count} processes of the training differ by {largest:.2g} in `{name}`, more than rounding; give"
                " the training devices of one kind, or set `devices: 1` and `nodes: 1`"
            )
    return {name: largest for name, (largest, _) in drift.items()}


def _take_over(tensor: Tensor, device: torch.device) -> tuple[float, bool]:
    """Set `tensor` to the first process's: the largest difference, and whether it is more than rounding."""
    # Not every backend knows booleans.
    said = tensor.to(device, torch.uint8 if tensor.dtype == torch.bool else tensor.dtype, copy=True)
    dist.broadcast(said := said.contiguous(), _MAIN)
    said = said.to(tensor)
    if torch.equal(said, tensor):
        return 0.0, False
    difference = float((said.double() - tensor.double()).abs().max())
    difference = difference if math.isfinite(difference) else math.inf
    scale = max(1.0, float(said.double().abs().max()))
    # Labels may flip by rounding. Bytes are where a random stream stands: copies, which setting would not move.
    is_far = tensor.is_floating_point() and not difference <= LARGEST_DRIFT * scale
    tensor.copy_(said)
    return difference, is_far or tensor.dtype == torch.uint8
