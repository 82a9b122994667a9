"""DETACH: label-free representation learning for ambient sensors, taught by a camera's video (arXiv 2512.20409)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detach_core.interface.trained_run import load as load

__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    """Lazy import of the Python interface: importing the package alone needs no torch."""
    if name == "load":
        return import_module("detach_core.interface.trained_run").load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
