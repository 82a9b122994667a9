"""YAML files of the configuration, read with repeated keys refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from detach_core.config.errors import ConfigError
from detach_core.config.variants import merge
from detach_core.foundation.errors import one_line

CHECKOUT = Path(__file__).resolve().parents[2]
# Below every overlay, in this order; the Snakefile loads the same.
DEFAULT_LAYERS = ("config/results.yaml", "config.yaml")
MAX_BYTES = 1_000_000
MAX_VALUES = 100_000  # with every alias written out: a few lines of them can stand for more than any memory holds
MAX_DEPTH = 50


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses repeated keys, excessive nesting and values that Python cannot hold."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise _refused(f"nested more than {MAX_DEPTH} levels deep", mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, OverflowError, AttributeError, LookupError) as error:
            raise _refused(f"{str(node.value)[:40]!r} cannot be read ({error})", node.start_mark) from None


def _refused(problem: str, mark: yaml.Mark) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, mark)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise _refused("the key is a list or a section, not a name", key_node.start_mark)
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise _refused(f"the key `{key}` is repeated", key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _extent(node: yaml.Node, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Number of values in `node`, aliases expanded, and of levels; a node that contains itself counts as too large."""
    if isinstance(node, yaml.ScalarNode):
        return 1, 0
    if id(node) not in known:
        known[id(node)] = MAX_VALUES, 0  # what a part finds that is this node itself
        parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        extents = [_extent(part, known) for part in parts]
        values, levels = 1 + sum(one[0] for one in extents), 1 + max((one[1] for one in extents), default=0)
        if values > MAX_VALUES or levels > MAX_DEPTH:
            raise _refused(
                f"its aliases expand to more than {MAX_VALUES} values or {MAX_DEPTH} levels", node.start_mark
            )
        known[id(node)] = values, levels
    return known[id(node)]


def _load(text: str) -> Any:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _extent(node, {})
        return loader.construct_document(node)
    finally:
        loader.dispose()


def read_yaml(path: Path | str) -> dict[str, Any]:
    """Content of the file at `path`.

    Raises:
        ConfigError: not there, not YAML, a repeated key, no section at the top, or larger than any configuration is;
            with the line.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigError([f"{path}: must have at most {MAX_BYTES} bytes"])
        data = _load(content.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read ({error.strerror})"]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(
            [f"{path}: line {line}: must be UTF-8 text, got the byte {error.object[error.start]:#04x}"]
        ) from None
    except yaml.reader.ReaderError as error:
        line = content[: error.position].count(b"\n") + 1
        raise ConfigError([f"{path}: line {line}: must be text, got the character {error.character:#04x}"]) from None
    except yaml.MarkedYAMLError as error:
        place = f" line {error.problem_mark.line + 1}:" if error.problem_mark else ""
        raise ConfigError([one_line(f"{path}:{place} {error.problem}")]) from None
    if data is None:
        return {}  # empty, or comments alone: an overlay that changes nothing
    if not isinstance(data, Mapping):
        raise ConfigError([f"{path}: must hold keys and values, got {type(data).__name__}"])
    return dict(data)


def read_layers(paths: Iterable[Path | str]) -> dict[str, Any]:
    """The files merged as by Snakemake: later over earlier, section by section, lists replaced as a whole."""
    layers: dict[str, Any] = {}
    for path in paths:
        layers = merge(layers, read_yaml(path))
    return layers


def read_default(*overlays: Path | str, checkout: Path | str = CHECKOUT) -> dict[str, Any]:
    """The default configuration of a checkout, with `overlays` over it."""
    return read_layers([*(Path(checkout) / layer for layer in DEFAULT_LAYERS), *overlays])


def in_order_of(values: Mapping[str, Any], layers: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with the keys of every section in the order of `layers`; keys that those lack come last.

    Snakemake merges an overlay before the files below it, so that an overlay's tables would come first on a page.
    """
    ordered = {key: values[key] for key in layers if key in values} | dict(values)
    return {key: _in_order(value, layers.get(key)) for key, value in ordered.items()}


def _in_order(value: Any, layer: Any) -> Any:
    return in_order_of(value, layer) if isinstance(value, Mapping) and isinstance(layer, Mapping) else value
