"""Processes that share a training, each on a device of its own, and their agreement after each epoch.

Torchrun's environment states which one this is. All of them hold all windows, draw the same random numbers and compute
the same losses of whole batches; only the rows that their networks see are shared out (`shared_rows.py`). So memory,
centroids, queues and slow copies are each process's own and equal, and a batch means what it means in a single process.
"""

from __future__ import annotations

import ctypes
import inspect
import math
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from detach_core.foundation.errors import UserError
from detach_core.methods.batch import WindowBatch
from detach_core.methods.method import AnyMethod
from detach_core.training.device import choose_device
from detach_core.training.shared_rows import SharedRows

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


# Buffers are each process's own and equal; torch has renamed the switch.
_NEW_SWITCH = "forward_sync_buffers" in inspect.signature(DistributedDataParallel.__init__).parameters

_BUFFERS_STAY: dict[str, Any] = {"forward_sync_buffers" if _NEW_SWITCH else "broadcast_buffers": False}


# From the kernel's prctl.h.
_SIGNAL_ON_PARENTS_DEATH = 1


@dataclass(frozen=True)
class Processes:
    """This process among those of a training.

    Attributes:
        rank: from 0 on.
        count: how many there are, on all nodes.
        device: what this one computes on.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this one writes the files."""
        return self.rank == _MAIN

    @property
    def words(self) -> str:
        """Number of processes in words, for the log and the history; empty for one."""
        return f", {self.count} processes" if self.count > 1 else ""

    def share(self, method: AnyMethod) -> Callable[[WindowBatch], dict[str, Tensor]]:
        """`method.losses` with its networks' rows shared out, whose gradients are averaged over the processes.

        Call it once for a method, after all that is done before training; weights become those of the first process.
        """
        if self.count == 1:
            return method.losses
        # Some phases leave networks out.
        return DistributedDataParallel(_Losses(method), find_unused_parameters=True, **_BUFFERS_STAY)

    def share_rows(self, method: AnyMethod) -> None:
        """Share out the rows that the method's networks see, from here on, in training and evaluation."""
        if self.count > 1:
            rows = SharedRows(self.rank, self.count)
            for network in method.row_networks:
                rows.share(network)

    def decide(self, value: bool) -> bool:
        """The first process's `value`: all must leave a loop together."""
        if self.count == 1:
            return value
        said = torch.tensor([value], dtype=torch.uint8, device=self.device)
        dist.broadcast(said, _MAIN)
        return bool(said)

    def check_same(self, name: str, value: int) -> None:
        """Refuse to go on where the first process found another `value` (at least -1) of the quantity `name`.

        Raises:
            UserError: it did.
        """
        if self.count == 1:
            return
        said = torch.tensor([value], device=self.device)
        dist.broadcast(said, _MAIN)
        if int(said) != value:
            raise UserError(
                f"process {self.rank} of {self.count}: {name} is {value} here and {int(said)} for the first process;"
                " every node must see the same files at the same path. Run it again"
            )

    def agree(self, tensors: Mapping[str, Tensor]) -> dict[str, float]:
        """Set `tensors` to those of the first process; by how much each differed, `agreement.agree`."""
        return agree(tensors, device=self.device, count=self.count) if self.count > 1 else {}


class _Losses(nn.Module):
    """A method whose `forward` is its losses: what torch's data parallelism calls."""

    def __init__(self, method: AnyMethod) -> None:
        super().__init__()
        self.method = method

    def forward(self, batch: WindowBatch) -> dict[str, Tensor]:
        """As `Method.losses`."""
        return self.method.losses(batch)


def alone(device: torch.device) -> Processes:
    """A training of one process."""
    return Processes(0, 1, device)


def own_rank(count: int) -> int:
    """Rank of this process among `count`; that of a single one is 0 without any environment."""
    return int(os.environ["RANK"]) if count > 1 else 0


def _end_with_the_agent() -> None:
    """Let Linux stop this process when its agent is killed: else it would go on and write its files much later."""
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError, TypeError):
        return
    prctl(_SIGNAL_ON_PARENTS_DEATH, signal.SIGTERM)


@contextmanager
def joined(device: str, count: int) -> Iterator[Processes]:
    """This process among the `count` of its training, for as long as the block lasts.

    Args:
        device: the settings' `auto | cpu | cuda`.
        count: 1, or as many as torchrun has started.

    Raises:
        UserError: no such device, or a node has fewer GPUs than processes.
    """
    chosen = choose_device(device)
    if count == 1:
        yield alone(chosen)
        return
    if chosen.type == "cuda":
        local = int(os.environ["LOCAL_RANK"])
        if local >= torch.cuda.device_count():
            raise UserError(
                f"devices: {os.environ['LOCAL_WORLD_SIZE']} were asked for on each node, but a node offers"
                f" {torch.cuda.device_count()} GPUs to torch; set `devices` to that, or ask the scheduler for more"
            )
        chosen = torch.device("cuda", local)
        torch.cuda.set_device(chosen)
    _end_with_the_agent()
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    yield Processes(own_rank(count), count, chosen)
    # Only after a sound end: where another process is gone, to take leave of it can wait for ever.
    dist.destroy_process_group()
