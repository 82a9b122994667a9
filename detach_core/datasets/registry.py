"""Datasets by the name of their adapter. A new one is a folder with its settings and a line here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from detach_core.foundation.errors import UserError
from detach_core.settings.base import Plain, from_plain
from detach_core.settings.registry import Plugin, Registry

if TYPE_CHECKING:
    from detach_core.datasets.adapter import DatasetAdapter

DATASETS: Registry[DatasetAdapter[Any]] = Registry(
    "adapter",
    {
        "opportunity": Plugin("detach_core.datasets.opportunity", "OpportunityNative", "adapter:Opportunity"),
        "hwu_usp": Plugin("detach_core.datasets.hwu_usp", "HwuNative", "adapter:HwuUsp"),
    },
)


def build_adapter(name: str, native: Plain, *, classes: Sequence[str] = ()) -> DatasetAdapter[Any]:
    """The adapter `name` of native files.

    Args:
        name: of `DATASETS`, or `module:Class`.
        native: settings of the adapter's own type, or their plain values.
        classes: names of the classes, in the order of their indices.

    Raises:
        UserError: no such adapter, or a class that its dataset does not have.
        TypeError: settings that the adapter does not know.
    """
    try:
        kind, settings = DATASETS.implementation(name), DATASETS.settings(name)
    except LookupError as error:
        raise UserError(f"adapter: {error}") from None
    return kind(from_plain(settings, native), classes=classes)
