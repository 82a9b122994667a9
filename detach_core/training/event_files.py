"""TensorBoard event files of a training, on request: every number of its history, epoch by epoch, while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from detach_core.contracts.history import json_value
from detach_core.foundation.errors import UserError

Record = Callable[[Mapping[str, Any]], None]
PATTERN = "events.out.tfevents.*"


def scalars(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a row of the history but its epoch, by their places in it: `losses/total`, `cluster_sizes/0`."""
    return {place: value for place, value in _numbers("", json_value(row)) if place != "epoch"}


def _numbers(place: str, value: Any) -> Iterator[tuple[str, float]]:
    """Place and value of every number at any depth below `place`; texts and nulls are left out."""
    parts: Mapping[Any, Any] = {}
    if isinstance(value, Mapping):
        parts = value
    elif isinstance(value, list):
        parts = dict(enumerate(value))
    elif isinstance(value, int | float):
        yield place, value
    for key, part in parts.items():
        yield from _numbers(f"{place}/{key}" if place else str(key), part)


@contextmanager
def event_files(folder: Path | str | None, *, writes: bool = True) -> Iterator[Record]:
    """A function that adds a row of the history to new event files in `folder`, and nothing without a folder.

    Earlier event files in `folder` are deleted: a training that is resumed hands over its past rows again. TensorBoard
    keeps float32.

    Args:
        folder: None: no event files are asked for.
        writes: whether this is the process that writes, of those that share a training.

    Raises:
        UserError: event files are asked for, and the package `tensorboard` is not installed.
    """
    if folder is None:
        yield no_record
        return
    try:
        # Here alone: a machine that trains without event files needs no tensorboard.
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UserError(
            "tensorboard: found no package of that name on this machine, expected it since the configuration asks for"
            " event files; install it (pip install tensorboard) or set `tensorboard: false`"
        ) from error
    if not writes:
        yield no_record
        return
    for earlier in Path(folder).glob(PATTERN):
        earlier.unlink()
    with SummaryWriter(str(folder)) as writer:

        def record(row: Mapping[str, Any]) -> None:
            for place, value in scalars(row).items():
                writer.add_scalar(place, value, row["epoch"])
            writer.flush()

        yield record


def no_record(row: Mapping[str, Any]) -> None:
    """The record of a training without event files: none."""
