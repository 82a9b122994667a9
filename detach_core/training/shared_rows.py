"""A batch's rows shared out among processes: each computes its own, and all get all of them back, with gradient.

Around a network that treats rows one by one nothing else notices: it takes and gives whole batches as ever. BatchNorm,
which looks across rows, gets the statistics of the whole batch (`joint_batch_norm.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from detach_core.training.gathering import gather_from_all
from detach_core.training.joint_batch_norm import join_batch_norm
from detach_core.training.seed import global_random_state, restore_global_random_state


def share_sizes(num_rows: int, count: int) -> list[int]:
    """How many of `num_rows` each of `count` processes computes: equal numbers, the first ones one more."""
    each, more = divmod(num_rows, count)
    return [each + (rank < more) for rank in range(count)]


class SharedRows:
    """This process's share of every batch that goes through the networks given to `share`.

    Batches of fewer rows than processes are computed by all. The gradient that reaches a network's weights here is
    `count` times the share's part of the whole batch's: the mean over the processes is the whole batch's own.
    """

    def __init__(self, rank: int, count: int) -> None:
        self.rank, self.count = rank, count
        # Rows of each process while a network computes its share; empty otherwise.
        self.sizes: list[int] = []
        self._random: dict[str, Tensor] | None = None

    def share(self, network: nn.Module) -> None:
        """Share out the rows of all calls of `network`, whose every tensor has the batch in front."""
        join_batch_norm(network, self)
        network.register_forward_pre_hook(self._take, with_kwargs=True)
        network.register_forward_hook(self._give)

    def _take(self, network: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]] | None:
        num_rows = len(next(_tensors((args, kwargs))))
        if num_rows < self.count:
            return None
        if self.sizes:
            raise RuntimeError("a network whose rows are shared out is within another one")
        self.sizes = share_sizes(num_rows, self.count)
        first = sum(self.sizes[: self.rank])
        last = first + self.sizes[self.rank]
        if network.training and _drops(network):
            self._draw_apart(next(network.parameters()).device)
        args, kwargs = _each((args, kwargs), lambda tensor: tensor[first:last])
        return args, kwargs

    def _give(self, network: nn.Module, args: Any, output: Any) -> Any:
        del args
        if not self.sizes:
            return None
        if self._random is not None:
            restore_global_random_state(self._random, next(network.parameters()).device)
            self._random = None
        whole = _each(output, self._gather)
        self.sizes = []
        return whole

    def _draw_apart(self, device: torch.device) -> None:
        """Dropout of this process's own; afterwards the global generators stand equally everywhere again."""
        seed = int(torch.randint(2**62, ()))
        self._random = global_random_state(device)
        torch.manual_seed(seed + self.rank)

    def _gather(self, share: Tensor) -> Tensor:
        """All rows, of this process's."""
        missing = max(self.sizes) - len(share)
        if missing:
            share = torch.cat([share, share.new_zeros(missing, *share.shape[1:])])
        shares = gather_from_all(share)
        return torch.cat([part[:size] for part, size in zip(shares, self.sizes, strict=True)])


def _drops(network: nn.Module) -> bool:
    return any(isinstance(module, nn.Dropout) and module.p > 0 for module in network.modules())


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors(part)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _tensors(part)


def _each(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """`value` with every tensor within its tuples, lists and dictionaries changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: _each(part, change) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_each(part, change) for part in value)
    return value
