"""`history.jsonl`: a header line, then one JSON line per epoch (epoch 0 is the state before any step)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detach_core.contracts.provenance import Provenance, canonical_json, parse_json
from detach_core.foundation.errors import ContractError, raise_unreadable
from detach_core.foundation.files import write_text

SCHEMA = "detach.history/2"
_REMEDY = "rerun the rule `pretrain` or `pretrain_spatial`"


@dataclass(frozen=True)
class History:
    """Record of one training: facts of the whole run and a row per epoch.

    Rows have the mean cosine of features, whole and in parts (`mean_cosine_training`, `mean_cosine_unseen`), and the
    value that a contrast would have if all features were equal (`chance_losses`). By these the fact `collapse` judges
    the last epoch, and of a contrast that ended earlier its own last epoch; never by unseen windows.
    """

    run: dict[str, Any]
    epochs: list[dict[str, Any]]
    provenance: Provenance

    def column(self, name: str) -> list[float]:
        """The values of `name` in the epochs in which it was recorded."""
        return [float(row[name]) for row in self.epochs if row.get(name) is not None]


def json_value(value: Any) -> Any:
    """`value` with NaN (nothing to measure), which JSON lacks, as null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    return value


def write_history(
    path: Path | str, rows: Sequence[Mapping[str, Any]], *, run: Mapping[str, Any], provenance: Provenance
) -> None:
    """Write the run's facts and one row per epoch to `path`, atomically. A value that is not finite becomes null."""
    header = {"schema": SCHEMA, "run": json_value(run), "provenance": provenance.to_json()}
    lines = [canonical_json(header), *(canonical_json(json_value(row)) for row in rows)]
    write_text(path, "\n".join(lines) + "\n")


def read_history(path: Path | str) -> History:
    """The history that `write_history` wrote.

    Raises:
        ContractError: not JSON lines, another schema, or a row without its epoch.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise_unreadable(path, error)
        raise ContractError(path, "file", expected="JSON lines", found=str(error), remedy=_REMEDY) from None
    rows = [_read_row(path, number, line) for number, line in enumerate(lines, start=1)]
    header = rows[0] if rows else {}
    if header.get("schema") != SCHEMA:
        raise ContractError(path, "schema", expected=SCHEMA, found=str(header.get("schema")), remedy=_REMEDY)
    for field in ("run", "provenance"):
        if field not in header:
            raise ContractError(path, field, expected="a value", found="nothing", remedy=_REMEDY)
    for number, row in enumerate(rows[1:], start=2):
        if not isinstance(row.get("epoch"), int):
            raise ContractError(
                path, f"line {number}: epoch", expected="an integer", found=str(row.get("epoch")), remedy=_REMEDY
            )
    try:
        provenance = Provenance.from_json(str(header["provenance"]))
    except ValueError as error:
        raise ContractError(path, "provenance", expected="a record", found=str(error), remedy=_REMEDY) from None
    if not isinstance(header["run"], dict):
        raise ContractError(path, "run", expected="facts", found=type(header["run"]).__name__, remedy=_REMEDY)
    return History(header["run"], rows[1:], provenance)


def _read_row(path: Path | str, number: int, line: str) -> dict[str, Any]:
    try:
        row = parse_json(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise ContractError(path, f"line {number}", expected="a JSON object", found=line[:40], remedy=_REMEDY)
    return row
