"""Sections of datasets whose folder describes itself: what `home.yaml` says is filled in before they are checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detach_core.config.errors import ConfigError, validated
from detach_core.config.variants import merge
from detach_core.config.yaml_file import read_yaml
from detach_core.datasets.folder.settings import FolderNative
from detach_core.datasets.registry import DATASETS
from detach_core.foundation.errors import shown


def with_home_files(data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` with the dataset of each home of one's own completed from its `home.yaml`; the configuration's keys rule.

    Raises:
        ConfigError: a `home.yaml` is missing or invalid; each line names the file and the key.
    """
    datasets = data.get("datasets")
    if not isinstance(datasets, Mapping):
        return dict(data)
    return {**data, "datasets": {name: _completed(name, section) for name, section in datasets.items()}}


def read_home(root: Path | str, kind: type[FolderNative] = FolderNative) -> FolderNative:
    """The home that the `home.yaml` in the folder `root` describes.

    Args:
        root: the home's folder.
        kind: the type of its settings.

    Raises:
        ConfigError: there is none, or it is invalid or contradicts itself; each line names the file and the key.
    """
    path = Path(root) / kind.home_file
    native = _checked(_plain(root, kind), path, kind)
    if mistakes := [f"{path}: {line}" for line in native.mistakes()]:
        raise ConfigError(mistakes)
    return native


def _plain(root: Path | str, kind: type[FolderNative]) -> dict[str, Any]:
    return kind.plain_home(read_yaml(Path(root) / kind.home_file))


def _checked(home: Mapping[str, Any], path: Path, kind: type[FolderNative]) -> FolderNative:
    try:
        native: FolderNative = validated(kind, home)
    except ConfigError as error:
        raise ConfigError(f"{path}: {line}" for line in error.lines) from None
    return native


def _completed(name: Any, section: Any) -> Any:
    if not isinstance(section, Mapping) or (kind := _kind_with_home(section.get("adapter"))) is None:
        return section
    key, root = f"datasets.{name}", section.get("root")
    if not isinstance(root, str):
        raise ConfigError([f"{key}.root: must be the folder that holds {kind.home_file}, got {shown(root)}"])
    if not Path(root, kind.home_file).is_file():
        raise ConfigError([f"{key}.root: must be a folder with a file {kind.home_file} in it, got {root!r}"])
    home, changes = _plain(root, kind), section.get("native", {})
    # With changes over it, contradictions are those of the whole, which are told with the configuration's own.
    native = _checked(home, Path(root, kind.home_file), kind) if changes else read_home(root, kind)
    given = {key: value for key, value in section.items() if key != "native"}
    values = merge(home, changes) if isinstance(changes, Mapping) else changes
    return {**merge(kind.section_of_home(native), given), "native": values}


def _kind_with_home(adapter: Any) -> type[FolderNative] | None:
    """The settings of an adapter whose folder describes itself; None for others, and for one that is refused later."""
    if not isinstance(adapter, str) or adapter not in DATASETS:
        return None
    try:
        kind = DATASETS.settings(adapter)
    except LookupError:
        return None
    return kind if issubclass(kind, FolderNative) else None
