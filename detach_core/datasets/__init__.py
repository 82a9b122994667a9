"""Adapters of native files. `ADAPTERS` names them; `module:Class` reaches one outside this package."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from detach_core.datasets.adapter import DatasetAdapter
from detach_core.datasets.hwu_usp import HwuUsp
from detach_core.datasets.opportunity import Opportunity
from detach_core.foundation.errors import UserError

ADAPTERS: dict[str, Callable[..., DatasetAdapter]] = {"opportunity": Opportunity, "hwu_usp": HwuUsp}


def build_adapter(name: str, native: Mapping[str, Any], *, classes: Sequence[str] = ()) -> DatasetAdapter:
    """The adapter `name`, for the config section `native` and the class names.

    Raises:
        UserError: no such adapter.
    """
    if name in ADAPTERS:
        return ADAPTERS[name](native, classes=classes)
    module, separator, attribute = name.partition(":")
    if not separator:
        raise UserError(f"adapter: unknown adapter {name!r}; known are {', '.join(ADAPTERS)}, or `module:Class`")
    try:
        adapter: DatasetAdapter = getattr(import_module(module), attribute)(native, classes=classes)
    except (ImportError, AttributeError) as error:
        raise UserError(f"adapter: {name!r} cannot be imported: {error}") from None
    return adapter
