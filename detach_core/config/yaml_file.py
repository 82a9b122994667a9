"""YAML files as the configuration wants them: a key that stands twice is refused instead of forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from detach_core.config.errors import ConfigError
from detach_core.config.variants import merge


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses repeated keys."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key `{key}` stands twice", key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: Path | str) -> dict[str, Any]:
    """What the file holds.

    Raises:
        ConfigError: not YAML, a repeated key, or no section at the top; with the line.
    """
    try:
        data = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = f" line {error.problem_mark.line + 1}:" if error.problem_mark else ""
        raise ConfigError([f"{path}:{line} {error.problem}"]) from None
    if not isinstance(data, Mapping):
        raise ConfigError([f"{path}: must hold keys and values, got {type(data).__name__}"])
    return dict(data)


def read_layers(paths: Iterable[Path | str]) -> dict[str, Any]:
    """The files merged as Snakemake merges them: later over earlier, section by section, lists replaced whole."""
    layers: dict[str, Any] = {}
    for path in paths:
        layers = merge(layers, read_yaml(path))
    return layers
