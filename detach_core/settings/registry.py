"""Registries of plug-ins: names of this package's own, or `module:Class` of anybody's, imported at their first use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, TypeVar

from detach_core.settings.base import Settings

Implementation = TypeVar("Implementation")


@dataclass(frozen=True)
class Plugin:
    """A plug-in of this package: its folder, the settings class in the folder's `settings.py`, and `module:Class`.

    Settings load without the implementation, so that a plan needs no torch.
    """

    folder: str
    settings: str
    implementation: str

    @property
    def places(self) -> tuple[str, str]:
        """Settings and implementation, each as `module:Class`."""
        return f"{self.folder}.settings:{self.settings}", f"{self.folder}.{self.implementation}"

    @property
    def modules(self) -> list[str]:
        """The modules of both, without importing them."""
        return [place.partition(":")[0] for place in self.places]


class Registry(Generic[Implementation]):
    """Plug-ins of one kind by name.

    Args:
        kind: what they are, for messages.
        plugins: name -> this package's own.
    """

    def __init__(self, kind: str, plugins: Mapping[str, Plugin]) -> None:
        self.kind = kind
        self._plugins = dict(plugins)

    def __iter__(self) -> Iterator[str]:
        """The names of this package's own plug-ins."""
        return iter(self._plugins)

    def __contains__(self, name: object) -> bool:
        """Whether `name` is one of them, or has the form `module:Class`."""
        return name in self._plugins or (isinstance(name, str) and name.count(":") == 1)

    def implementation(self, name: str) -> type[Implementation]:
        """The class of plug-in `name`.

        Raises:
            LookupError: no such plug-in, or it cannot be imported.
        """
        plugin = self._plugins.get(name)
        if plugin is not None:
            found: type[Implementation] = _loaded(plugin.places[1])
            return found
        return self._imported(name)

    def settings(self, name: str) -> type[Any]:
        """The settings class of plug-in `name`; one from outside names it as its class attribute `settings_type`.

        Raises:
            LookupError: no such plug-in, it cannot be imported, or it has no such class.
        """
        plugin = self._plugins.get(name)
        if plugin is not None:
            own: type[Any] = _loaded(plugin.places[0])
            return own
        found = getattr(self._imported(name), "settings_type", None)
        if not (isinstance(found, type) and issubclass(found, Settings)):
            raise LookupError(f"{self.kind} {name!r} has no `settings_type`, a subclass of Settings")
        return found

    def modules(self, name: str) -> list[str]:
        """The modules of this package's plug-in `name`, without importing them."""
        return self._plugins[name].modules

    def _imported(self, name: str) -> type[Implementation]:
        module, _, attribute = name.partition(":")
        if not all(part.isidentifier() for part in (*module.split("."), attribute)):
            known = ", ".join(self._plugins)
            raise LookupError(f"unknown {self.kind} {name!r}; known are {known}, or `module:Class` of your own")
        try:
            found: type[Implementation] = getattr(import_module(module), attribute)
        except Exception as error:  # code of the user's, which may fail in any way
            raise LookupError(f"{self.kind} {name!r} cannot be imported: {type(error).__name__}: {error}") from error
        return found


def _loaded(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
