"""Data parallelism by rows: a batch split over processes, gathered with gradient, with BatchNorm over the whole batch.

Around a network that treats rows one by one nothing else notices: it takes and gives whole batches as ever. Torch's own
SyncBatchNorm is for GPUs alone; the one here runs wherever the processes do, so that tests see it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import batch_norm
from torch.nn.modules.batchnorm import _BatchNorm

from detach_core.training.randomness import global_random_state, restore_global_random_state


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


class Shares(Protocol):
    """Shares of a batch's rows by process."""

    rank: int
    sizes: list[int]


class JointBatchNorm(_BatchNorm):
    """A BatchNorm layer whose batch statistics, in training with shared rows, cover all processes."""

    def __init__(self, layer: _BatchNorm, shares: Shares) -> None:
        """Args: layer: whose weights and statistics this one takes over; shares: rows of each process, or none."""
        super().__init__(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
        self.weight, self.bias = layer.weight, layer.bias
        self.running_mean, self.running_var = layer.running_mean, layer.running_var
        self.num_batches_tracked = layer.num_batches_tracked
        self.train(layer.training)
        self._shares = shares

    def _check_input_dim(self, input: Tensor) -> None:
        """Any (B, C, ...)."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalised features (B, C, ...) of this process's rows."""
        if not (self.training and self._shares.sizes):
            return super().forward(input)
        # A network may have made several pictures of a row.
        per_row = input[:, 0].numel() // self._shares.sizes[self._shares.rank]
        number = sum(self._shares.sizes) * per_row
        mean, squares = _statistics_of_all(input, self._shares.sizes, per_row)
        self._track(mean, squares / max(number - 1, 1))
        weight, bias = (self.weight, self.bias) if self.affine else (torch.ones_like(mean), torch.zeros_like(mean))
        normed: Tensor = _Normalise.apply(input, weight, bias, mean, squares / number, number, self.eps)  # type: ignore[no-untyped-call]
        return normed

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor) -> None:
        """One step of the running statistics; without a momentum all batches have equal weight, as in torch."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        factor = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        self.running_mean.mul_(1.0 - factor).add_(mean, alpha=factor)
        self.running_var.mul_(1.0 - factor).add_(variance, alpha=factor)


class _Normalise(torch.autograd.Function):
    """Torch's own normalisation by given statistics, with the gradient through them, since they are the batch's own."""

    @staticmethod
    def forward(
        context: Any,
        input: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        number: int,
        eps: float,
    ) -> Tensor:
        context.save_for_backward(input, weight, mean, torch.rsqrt(variance + eps))
        context.number = number
        return batch_norm(input, mean, variance, weight, bias, training=False, eps=eps)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        input, weight, mean, scale = context.saved_tensors
        dims, shape = _all_but_channels(input), (1, -1) + (1,) * (input.ndim - 2)
        of_bias = gradient.sum(dim=dims, dtype=mean.dtype)
        of_weight = ((gradient * input).sum(dim=dims, dtype=mean.dtype) - mean * of_bias) * scale
        # Every row moves the mean and the variance of all: what all processes say of those counts here.
        total = torch.stack([of_bias, of_weight])
        dist.all_reduce(total)
        slope = weight * scale
        by_value = -slope * scale * total[1] / context.number
        offset = -slope * total[0] / context.number - by_value * mean
        of_input = gradient * slope.view(shape).to(gradient.dtype)
        of_input.addcmul_(input, by_value.view(shape).to(input.dtype)).add_(offset.view(shape).to(input.dtype))
        return of_input, of_weight, of_bias, None, None, None, None


def _all_but_channels(input: Tensor) -> list[int]:
    return [0, *range(2, input.ndim)]


@torch.no_grad()
def _statistics_of_all(input: Tensor, sizes: list[int], per_row: int) -> tuple[Tensor, Tensor]:
    """As `joint_statistics`, over all processes; at least in float32."""
    values = input.to(torch.promote_types(input.dtype, torch.float32))
    dims = _all_but_channels(values)
    mean = values.mean(dim=dims)
    # `torch.var_mean` takes several times as long.
    squares = (values - mean.view((1, -1) + (1,) * (values.ndim - 2))).square_().sum(dim=dims)
    return joint_statistics(gather_from_all(torch.stack([mean, squares])), sizes, per_row)


def joint_statistics(shares: Tensor, sizes: list[int], per_row: int) -> tuple[Tensor, Tensor]:
    """Mean (C,) of all, and sum of squared deviations from it (C,), of those of each share (Chan et al., 1979).

    Args:
        shares: (R, 2, C): mean, and sum of squared deviations from it.
        sizes: rows of each share.
        per_row: how many values of a channel come of a row.
    """
    number = torch.tensor(sizes, dtype=shares.dtype, device=shares.device)[:, None] * per_row
    mean = (number * shares[:, 0]).sum(dim=0) / number.sum()
    squares = (shares[:, 1] + number * (shares[:, 0] - mean).square()).sum(dim=0)
    return mean, squares


def join_batch_norm(network: nn.Module, shares: Shares) -> None:
    """Replace every BatchNorm within `network` by a `JointBatchNorm`; names and weights stay."""
    for name, child in network.named_children():
        if isinstance(child, _BatchNorm):
            setattr(network, name, JointBatchNorm(child, shares))
        else:
            join_batch_norm(child, shares)


def share_sizes(num_rows: int, count: int) -> list[int]:
    """Number of `num_rows` that each of `count` processes computes: equal numbers, the first ones one more."""
    each, more = divmod(num_rows, count)
    return [each + (rank < more) for rank in range(count)]


class SharedRows:
    """This process's share of every batch in the networks passed to `share`.

    Batches of fewer rows than processes are computed by all. The gradient that reaches a network's weights here is
    `count` times the share's part of the whole batch's: the mean over the processes is the whole batch's own.
    """

    def __init__(self, rank: int, count: int) -> None:
        self.rank, self.count = rank, count
        # Rows of each process while a network computes its share; empty otherwise.
        self.sizes: list[int] = []
        self._random: dict[str, Tensor] | None = None

    def share(self, network: nn.Module) -> None:
        """Distribute the rows of all calls of `network`, all of whose tensors have the batch as first axis."""
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
        """Context with separate dropout for each process; afterwards the global generators agree again."""
        seed = int(torch.randint(2**62, ()))
        self._random = global_random_state(device)
        torch.manual_seed(seed + self.rank)

    def _gather(self, share: Tensor) -> Tensor:
        """The rows of all processes, from this one's."""
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
