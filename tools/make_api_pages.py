"""Pages of the Python interface, made by pdoc from the docstrings: ./run docs.

./run python -m tools.make_api_pages [folder]      (build/api unless another is named)

Every warning of pdoc is an error, so that a docstring or an annotation that it cannot read does not go unseen.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
import typing
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pdoc

PACKAGE = "detach_core"
FOLDER = Path(__file__).resolve().parents[1] / "build" / "api"


def modules(package: str = PACKAGE) -> Iterator[ModuleType]:
    """The package and every module inside it, imported; but `__main__`, which would run."""
    found = importlib.import_module(package)
    yield found
    for item in pkgutil.walk_packages(found.__path__, f"{package}."):
        if not item.name.endswith("__main__"):
            yield importlib.import_module(item.name)


def resolve_fields(module: ModuleType) -> None:
    """Types of inherited fields in the constructors of `module`'s classes, in place of their names.

    A generated constructor keeps the annotations of its base classes as text, which pdoc evaluates in the module of the
    derived class, where the names need not be known. Names that are imported for type checkers alone stay as they are:
    pdoc resolves these itself.
    """
    for _, kind in inspect.getmembers(module, inspect.isclass):
        if kind.__module__ != module.__name__:
            continue
        try:
            hints = typing.get_type_hints(kind, include_extras=True)
        except NameError:
            continue
        for name in {"__init__", "__new__"} & vars(kind).keys():
            annotations = getattr(kind, name).__annotations__
            annotations.update({field: hints[field] for field in annotations.keys() & hints.keys()})


def write_pages(folder: Path, package: str = PACKAGE) -> list[str]:
    """Write the pages of `package` below `folder`; the warnings that this gave."""
    for module in modules(package):
        resolve_fields(module)
    pdoc.render.configure(docformat="google", show_source=False, footer_text="DETACH")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pdoc.pdoc(package, output_directory=folder)
    return [str(warning.message) for warning in caught]


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    found = write_pages(target)
    if found:
        sys.exit("\n".join([*found, f"{len(found)} warnings: mend the docstrings or annotations that they name"]))
    print(f"{target / 'index.html'}")
