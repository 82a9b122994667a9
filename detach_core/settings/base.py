"""Base classes of settings and of plug-in registries: ranges, and conversion to plain JSON values and back.

The configuration validates YAML into these dataclasses once, by pydantic, which reads ranges and attribute docstrings
where they stand. A stage gets the same type back from its JSON without pydantic, so that a machine that only trains
needs neither.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar, Union, get_args, get_origin

from detach_core.foundation.errors import refuse_no_label

Plain = Any  # null, true, false, numbers, texts, and lists and dicts of them

SettingsType = TypeVar("SettingsType", bound="Settings")


@dataclass(frozen=True)
class Range:
    """Bounds of a number (or, with `min_length`, `max_length`, `pattern`, of a text or list) in an `Annotated` type."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    multiple_of: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Pydantic's schema of the type with these bounds; called by pydantic alone."""
        return handler(source) | {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Check:
    """A check of a value in an `Annotated` type: a function that returns the value or raises ValueError."""

    function: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Pydantic's schema of the type with this check; called by pydantic alone."""
        inner = handler(source)
        return {"type": "function-after", "function": {"type": "no-info", "function": self.function}, "schema": inner}


Share = Annotated[float, Range(ge=0, le=1)]

OpenShare = Annotated[float, Range(gt=0, lt=1)]

Count = Annotated[int, Range(ge=1)]


# Names become folders and wildcards of the workflow.
Name = Annotated[str, Range(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]

Names = Annotated[tuple[Name, ...], Range(min_length=1)]


# Text that is shown as it is: any character that is seen.
Label = Annotated[str, Check(refuse_no_label)]


class Derived:
    """Mark of a field that the workflow fills in: the configuration may not set it."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Null alone; called by pydantic alone."""
        return handler.generate_schema(None)


@dataclass(frozen=True)
class Settings:
    """Base of all settings. Unknown keys are refused; a string is not a number; an integer is accepted as a float."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "extra": "forbid",
        "strict": True,
        "allow_inf_nan": False,
        "use_attribute_docstrings": True,
    }


def to_plain(value: Any) -> Plain:
    """`value` with settings turned into dicts and tuples into lists, at any depth."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value


def from_plain(kind: type[SettingsType], value: Plain) -> SettingsType:
    """The settings of type `kind` from `value`, a result of `to_plain`.

    Raises:
        TypeError: an unknown key, or a value of another type; names the place.
    """
    settings: SettingsType = _decode(kind, value, kind.__name__)
    return settings


def field_types(kind: Any) -> dict[str, Any]:
    """The annotated type of each field of a dataclass."""
    return dict(_field_types(kind))


@functools.cache
def _field_types(kind: Any) -> Mapping[str, Any]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in fields(kind)}


def derived_fields(kind: type[Settings]) -> frozenset[str]:
    """Fields that the workflow fills in and the configuration may not set."""
    hints = field_types(kind)
    return frozenset(
        field.name
        for field in fields(kind)
        if any(isinstance(mark, Derived) for mark in get_args(hints[field.name])[1:])
    )


def _decode(kind: Any, value: Plain, place: str) -> Any:
    origin = get_origin(kind)
    if origin is Annotated:
        return _decode(get_args(kind)[0], value, place)
    if kind is Any:
        return value
    if typing.is_typeddict(kind):
        return _decode_fields(typing.get_type_hints(kind), value, kind, place)
    if isinstance(kind, type) and is_dataclass(kind):
        return _decode_settings(kind, value, place)
    if origin in (Union, types.UnionType):
        return _first_that_fits(get_args(kind), value, place)
    if origin is Literal:
        return _checked(value in get_args(kind), value, kind, place)
    if origin in (tuple, list):
        item = get_args(kind)[0]
        _checked(isinstance(value, list | tuple), value, kind, place)
        return origin(_decode(item, one, f"{place}[{number}]") for number, one in enumerate(value))
    if origin in (dict, Mapping) or kind in (dict, Mapping):
        _checked(isinstance(value, Mapping), value, kind, place)
        item = get_args(kind)[1] if get_args(kind) else Any
        return {key: _decode(item, one, f"{place}.{key}") for key, one in value.items()}
    if kind is float and type(value) is int:
        return float(value)
    return _checked(value is None if kind is type(None) else type(value) is kind, value, kind, place)


def _decode_settings(kind: Any, value: Plain, place: str) -> Any:
    return value if isinstance(value, kind) else kind(**_decode_fields(field_types(kind), value, kind, place))


def _decode_fields(expected: Mapping[str, Any], value: Plain, kind: Any, place: str) -> dict[str, Any]:
    _checked(isinstance(value, Mapping), value, kind, place)
    if strange := [str(key) for key in value if key not in expected]:
        raise TypeError(f"{place}: unknown {', '.join(strange)}; known are {', '.join(expected)}")
    return {key: _decode(expected[key], one, f"{place}.{key}") for key, one in value.items()}


def _first_that_fits(kinds: tuple[Any, ...], value: Plain, place: str) -> Any:
    problems = []
    for kind in kinds:
        try:
            return _decode(kind, value, place)
        except TypeError as error:
            problems.append(str(error))
    raise TypeError("; ".join(problems))


def _checked(fits: bool, value: Plain, kind: Any, place: str) -> Plain:
    if not fits:
        raise TypeError(f"{place}: expected {getattr(kind, '__name__', kind)}, found {value!r}")
    return value


Implementation = TypeVar("Implementation")


@dataclass(frozen=True)
class Plugin:
    """A plug-in of this package: its folder, and in it the classes of its settings and of itself, as `module:Class`.

    Settings are in the folder's `settings.py` where no module is named. They load without the implementation, so that a
    plan needs no torch.
    """

    folder: str
    settings: str
    implementation: str

    @property
    def places(self) -> tuple[str, str]:
        """Settings and implementation, each as `module:Class`."""
        settings = self.settings if ":" in self.settings else f"settings:{self.settings}"
        return f"{self.folder}.{settings}", f"{self.folder}.{self.implementation}"

    @property
    def modules(self) -> list[str]:
        """The modules of settings and implementation, without importing them."""
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
        """The settings class of plug-in `name`; an external one declares it as the class attribute `settings_type`.

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
