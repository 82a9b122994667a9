"""Validating reader of JSON artifacts: values are accessed and refused by their place in the document."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.provenance import Provenance
from detach_core.foundation.errors import LABEL, ContractError, label_fault, raise_unreadable

_BEYOND = 2**63  # ids and counts are kept in 64 bits
Value = TypeVar("Value", str, int, float, bool, list[Any], dict[str, Any])


@dataclass(frozen=True)
class JsonDocument:
    """The JSON file at `path`, written by `rule`."""

    path: Path
    rule: str
    root: dict[str, Any]

    @classmethod
    def load(cls, path: Path | str, *, schema: str, rule: str) -> JsonDocument:
        """The document at `path`.

        Raises:
            ContractError: the file is missing, is not JSON, or has another schema.
        """
        document = cls(Path(path), rule, {})
        try:
            root = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise_unreadable(path, error)
            raise document.error("file", expected="a readable JSON file", found=str(error)) from error
        if not isinstance(root, dict) or root.get("schema") != schema:
            found = root.get("schema") if isinstance(root, dict) else type(root).__name__
            raise document.error("schema", expected=schema, found=repr(found))
        return cls(Path(path), rule, root)

    def error(self, place: str, *, expected: str, found: str) -> ContractError:
        """The error for the value at `place`, with the rule that writes the file anew."""
        remedy = f"run the rule {self.rule} again"
        return ContractError(self.path, place, expected=expected, found=found[:200], remedy=remedy)

    def get(self, place: str, kind: type[Value]) -> Value:
        """The value of type `kind` at `place`: keys joined by `/`, a list's item by its number.

        Raises:
            ContractError: nothing is there, or something of another type; a float must be finite.
        """
        node: Any = self.root
        for key in place.split("/"):
            try:
                node = node[int(key)] if isinstance(node, list) else node[key]
            except (KeyError, IndexError, TypeError, ValueError) as error:
                raise self.error(place, expected=f"a value of type {kind.__name__}", found="nothing") from error
        if kind is float and type(node) is int and abs(node) < _BEYOND:
            node = float(node)
        if type(node) is not kind or (isinstance(node, int) and abs(node) >= _BEYOND):
            raise self.error(place, expected=f"a value of type {kind.__name__}", found=repr(node))
        if isinstance(node, float) and not np.isfinite(node):
            raise self.error(place, expected="a finite number", found=repr(node))
        return node

    def label(self, place: str) -> str:
        """The text at `place`, which may be shown (`detach_core/foundation/errors.py`).

        Raises:
            ContractError: it is missing, or no label.
        """
        return self._checked(place, self.get(place, str))

    def labels(self, place: str) -> tuple[str, ...]:
        """The list of labels at `place`.

        Raises:
            ContractError: it is missing, or something in it is no label.
        """
        return tuple(self.label(f"{place}/{k}") for k in range(len(self.get(place, list))))

    def key(self, place: str, name: str) -> str:
        """`name`, a key of the object at `place`, checked as a label since it is shown.

        Raises:
            ContractError: it is no label, or holds a slash, which parts the keys of a place.
        """
        if "/" in name:
            raise self.error(place, expected="names without /", found=repr(name))
        return self._checked(place, name)

    def _checked(self, place: str, text: str) -> str:
        if (fault := label_fault(text)) is not None:
            raise self.error(place, expected=LABEL, found=fault)
        return text

    def ids(self, place: str) -> NDArray[np.int64]:
        """The list of non-negative integers at `place`.

        Raises:
            ContractError: it is missing or holds something else.
        """
        values = self.get(place, list)
        if not all(type(value) is int and 0 <= value < _BEYOND for value in values):
            raise self.error(place, expected="a list of ids", found=repr(values))
        return np.array(values, dtype=np.int64)

    def numbers(self, place: str, length: int | None = None) -> NDArray[np.float64]:
        """The list of finite numbers at `place`, of `length` items if one is given.

        Raises:
            ContractError: it is missing, holds something else, or has another length.
        """
        values = self.get(place, list)
        fits = length is None or len(values) == length
        if not fits or not all(map(_is_finite, values)):
            raise self.error(place, expected=f"a list of {length or ''} finite numbers", found=repr(values))
        return np.array(values, dtype=np.float64)

    def provenance(self) -> Provenance:
        """The provenance of the document.

        Raises:
            ContractError: it is missing or has other fields.
        """
        fields = self.get("provenance", dict)
        try:
            return Provenance.from_fields(fields)
        except ValueError as error:
            raise self.error("provenance", expected="the fields of Provenance", found=repr(sorted(fields))) from error


def _is_finite(value: Any) -> bool:
    return bool(np.isfinite(value)) if type(value) is float else type(value) is int and abs(value) < _BEYOND
