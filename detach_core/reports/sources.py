"""Simulated and real recordings never stand in one table (decisions.md, D8)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from detach_core.foundation.errors import ContractError


def refuse_mixed_sources(paths: Sequence[str | Path], sources: Sequence[str]) -> None:
    """Check that the artifacts at `paths` come from one source.

    Raises:
        ContractError: one has another source than the first; it names both.
    """
    for path, source in zip(paths, sources, strict=True):
        if source != sources[0]:
            raise ContractError(
                path,
                "source",
                expected=f"{sources[0]}, as in {paths[0]}",
                found=source,
                remedy="give all datasets of a table the same source in the config",
            )
