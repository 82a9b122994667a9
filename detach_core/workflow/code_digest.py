"""Digest of the code that a stage imports, so that a changed formula reruns its stages and a comment none.

Snakemake sees the time of a rule's script, which a fresh clone sets anew, and not the package behind it. So each rule
carries this digest as a param in place of the trigger `code`: it covers the script and the modules of `detach_core`
that the stage imports, directly or not, without docstrings, comments and layout, and the data files that they name. It
reads source files and imports nothing.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict

from detach_core.datasets.registry import DATASETS
from detach_core.foundation.files import write_text
from detach_core.methods.registry import METHODS
from detach_core.settings.base import Plugin

PACKAGE = "detach_core"
# What runs every stage: the script of the rules, and what it imports.
ADAPTERS = ("workflow_scripts.run_stage", f"{PACKAGE}.workflow.stage")
REGISTRY = f"{PACKAGE}.methods.registry"
DATASET_REGISTRY = f"{PACKAGE}.datasets.registry"
ALL_PLUGINS = [module for name in METHODS for module in METHODS.modules(name)]
ALL_DATASETS = [module for name in DATASETS for module in DATASETS.modules(name)]
_DATA_SUFFIXES = (".json", ".csv", ".yaml", ".txt", ".html", ".css", ".js")


class _Entry(TypedDict):
    """Entry of the cache for one source file."""

    stamp: list[int]
    digest: str
    imports: list[str]
    data: list[str]


class CodeDigest:
    """Digests of import closures below `root`, the folder that holds the package.

    `cache_path` keeps what was read of each file under its time and size, so that a second look costs milliseconds.
    """

    def __init__(self, root: Path | str, cache_path: Path | str | None = None) -> None:
        self.root = Path(root)
        self.cache_path = Path(cache_path) if cache_path else None
        self._entries: dict[str, _Entry] = self._load()
        self._fresh: set[str] = set()
        self._files: dict[str, Path | None] = {}
        self._changed = False

    def of_stage(self, stage: str, method: str | None = None) -> str:
        """The digest of `detach_core.stages.<stage>`, its imports and its runner: 16 hex digits.

        The registry of methods names them all; with `method`, only that one's modules count of those that the registry
        names, so that a change of one method leaves the others' results alone. A method from outside the package has
        none here: its results are not rerun when its code changes.

        Raises:
            FileNotFoundError: there is no such stage or method.
        """
        if method is not None and method not in METHODS:
            raise FileNotFoundError(f"no method {method}, and no `module:Class`")
        start = f"{PACKAGE}.stages.{stage}"
        own = METHODS.modules(method) if method in list(METHODS) else []
        for module in (start, *own):
            if self._file(module) is None:
                raise FileNotFoundError(f"no module {module} below {self.root}")
        modules = sorted(self.closure(start, own if method else None))
        modules += [adapter for adapter in ADAPTERS if self._file(adapter) is not None]
        parts = [f"{module} {self._entry(module)['digest']}" for module in modules]
        self._save()
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def closure(self, module: str, plugins: Collection[str] | None = None) -> set[str]:
        """`module` and every module of the package that it imports, at any depth; packages' own files included.

        `plugins` are the modules that the registry of methods loads here; None: those of every method. The registry of
        datasets loads those of every dataset.
        """
        found: set[str] = set()
        waiting = [module]
        while waiting:
            name = waiting.pop()
            # The package's root file holds the version alone: a release reruns nothing by itself.
            if name in found or name == PACKAGE or self._file(name) is None:
                continue
            found.add(name)
            imports = self._entry(name)["imports"]
            waiting += [one for one in imports if one not in ALL_PLUGINS] if name == REGISTRY else imports
            if name == REGISTRY:
                waiting += ALL_PLUGINS if plugins is None else plugins
            if name == DATASET_REGISTRY:
                waiting += ALL_DATASETS
            waiting.append(name.rpartition(".")[0])
        return found

    def _file(self, module: str) -> Path | None:
        if module not in self._files:
            base = self.root.joinpath(*module.split("."))
            candidates = (base.with_suffix(".py"), base / "__init__.py")
            self._files[module] = next((path for path in candidates if path.is_file()), None)
        return self._files[module]

    def _entry(self, module: str) -> _Entry:
        if module in self._fresh:
            return self._entries[module]
        path = self._file(module)
        assert path is not None
        entry = self._entries.get(module)
        if entry is None or entry["stamp"] != self._stamp(path, entry["data"]):
            entry = self._read(path)
            self._entries[module] = entry
            self._changed = True
        self._fresh.add(module)
        return entry

    def _read(self, path: Path) -> _Entry:
        tree = ast.parse(path.read_bytes())
        _strip_docstrings(tree)
        nodes = list(ast.walk(tree))
        texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        data = sorted(
            text
            for text in texts
            if text.endswith(_DATA_SUFFIXES) and "\n" not in text and (path.parent / text).is_file()
        )
        code = hashlib.sha256(ast.unparse(tree).encode())
        for name in data:
            code.update((path.parent / name).read_bytes())
        # A registry that imports when asked names its modules, or `module:attribute`, in strings.
        named = {text.partition(":")[0] for text in texts if text.startswith(f"{PACKAGE}.")}
        named |= {module for node in nodes for module in _plugin_modules(node)}
        imports = sorted({name for node in nodes for name in self._imported(node, path)} | self._modules(named))
        return _Entry(stamp=self._stamp(path, data), digest=code.hexdigest()[:16], imports=imports, data=data)

    def _modules(self, names: set[str]) -> set[str]:
        return {name for name in names if name.replace(".", "").isidentifier() and self._file(name) is not None}

    def _imported(self, node: ast.AST, path: Path) -> list[str]:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = list(path.relative_to(self.root).parent.parts)
            parents = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            return []
        return [name for name in names if name.split(".")[0] == PACKAGE and self._file(name) is not None]

    @staticmethod
    def _stamp(path: Path, data: list[str]) -> list[int]:
        stamp: list[int] = []
        for file in (path, *(path.parent / name for name in data)):
            # A data file that is gone differs from any that was read.
            status = file.stat() if file.is_file() else None
            stamp += [status.st_mtime_ns, status.st_size] if status else [0, 0]
        return stamp

    def _load(self) -> dict[str, _Entry]:
        with suppress(OSError, ValueError):
            if self.cache_path is not None:
                loaded: Any = json.loads(self.cache_path.read_text(encoding="utf-8"))
                return dict(loaded)
        return {}

    def _save(self) -> None:
        """Write the cache if it has changed; without write permission checksums are only computed again."""
        if self.cache_path is None or not self._changed:
            return
        with suppress(OSError):
            write_text(self.cache_path, json.dumps(self._entries))
        self._changed = False


def _plugin_modules(node: ast.AST) -> list[str]:
    """The modules of a call `Plugin(folder, settings, "module:Class")`, by which a registry names a plug-in."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Plugin"):
        return []
    texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return Plugin(*texts).modules if len(texts) == 3 else []


def _strip_docstrings(tree: ast.AST) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
