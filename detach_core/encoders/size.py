"""The two sizes of every network: `paper` is like the authors' own, `small` runs the demo on a laptop."""

from __future__ import annotations

from typing import Literal, TypeVar

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
