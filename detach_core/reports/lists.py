"""Lists as Parquet: columns of fixed types, and the list's schema and provenance as `attrs` of the frame.

Types come from the row's fields: an integer stays one where values are missing, and what is missing is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pandas as pd
import pyarrow as pa

from detach_core import __version__
from detach_core.contracts.lists import ListRow
from detach_core.foundation.errors import UserError, one_line
from detach_core.foundation.files import atomic_path

Facts = Mapping[str, str | Sequence[str]]
# pandas' types that hold missing values without becoming others.
_NULLABLE = {int: "Int64", bool: "boolean", float: "float64", str: "object"}


def list_facts(
    *, source: str, splits: Iterable[str], protocols: Iterable[str], seeds: Iterable[object], commits: Iterable[str]
) -> Facts:
    """Provenance of a list: data source, splits, protocols, seeds and commits, each once, and the package's version."""
    several = {"splits": splits, "protocols": protocols, "seeds": seeds, "commits": commits}
    named = {name: [word for word in dict.fromkeys(map(str, values)) if word] for name, values in several.items()}
    return {"source": source, **named, "version": __version__}


def facts_of(frame: pd.DataFrame) -> Facts:
    """Provenance of a table, from its columns `source`, `split` or `splits`, `protocol`, `seeds` and `commit`."""

    def words(*names: str) -> list[str]:
        return [word for name in names if name in frame for text in frame[name] for word in str(text).split()]

    return list_facts(
        source=" ".join(dict.fromkeys(map(str, frame["source"]))),
        splits=words("split", "splits"),
        protocols=frame.get("protocol", ()),
        seeds=words("seeds"),
        commits=words("commit"),
    )


def write_list(path: Path | str, frame: pd.DataFrame, row: type[ListRow], facts: Facts) -> None:
    """Write `frame` to `path` as Parquet, atomically; the same frame gives the same bytes.

    Args:
        path: the file.
        frame: the list.
        row: its columns and their types; those of the frame itself where the row has no fields.
        facts: provenance, as `list_facts` gives it.

    Raises:
        UserError: a column, of a row without fields, that holds values of several types.
        ValueError: another column than the row has, a value of another type, or none where one must be.
    """
    hints = get_type_hints(row)
    try:
        typed = _typed(frame, hints) if hints else frame.copy(deep=False)
        typed.attrs = {"schema": row.schema, **facts}
        schema = _schema(hints) if hints else _own_schema(typed)
        with atomic_path(path) as partial:
            typed.to_parquet(partial, engine="pyarrow", index=False, schema=schema)
    except (pa.ArrowException, TypeError) as error:
        if hints:
            raise ValueError(f"{Path(path).name}: {error}") from error
        raise UserError(
            f"{path}: found a column with values of several types, expected one type in each ({one_line(str(error))});"
            " correct what the drawing's `frame` gives"
        ) from error


def _typed(frame: pd.DataFrame, hints: Mapping[str, Any]) -> pd.DataFrame:
    """`frame` in the order and of the types of `hints`, with a column of nulls for each that may be missing and is."""
    unknown = [str(name) for name in frame if name not in hints]
    lacking = [name for name, hint in hints.items() if name not in frame and not _may_lack(hint)]
    if unknown or lacking:
        raise ValueError(f"columns that the row does not have: {unknown}; columns that are missing: {lacking}")
    columns = {name: frame[name] if name in frame else [None] * len(frame) for name in hints}
    types = {name: _NULLABLE[_kind(hint)] for name, hint in hints.items() if _may_lack(hint)}
    return pd.DataFrame(columns, index=frame.index).astype(types)


def _schema(hints: Mapping[str, Any]) -> pa.Schema:
    types = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string(), tuple: pa.list_(pa.float64())}
    return pa.schema([pa.field(name, types[_kind(hint)], nullable=_may_lack(hint)) for name, hint in hints.items()])


def _own_schema(frame: pd.DataFrame) -> pa.Schema:
    """The frame's own types; a column without any value is one of numbers."""
    found = pa.Schema.from_pandas(frame, preserve_index=False)
    return pa.schema([field.with_type(pa.float64()) if pa.types.is_null(field.type) else field for field in found])


def _may_lack(hint: Any) -> bool:
    return type(None) in get_args(hint)


def _kind(hint: Any) -> type:
    """`float` of `float` and of `float | None`; `tuple` of a tuple of numbers."""
    if getattr(hint, "__origin__", None) is tuple:
        return tuple
    kind: type = next(kind for kind in (get_args(hint) or (hint,)) if kind is not type(None))
    return kind
