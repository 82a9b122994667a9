"""What a probe chose inside `metrics.json`: one for each fold, so that a search can be read after the run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from detach_core.contracts.json_document import JsonDocument


@dataclass(frozen=True)
class Choice:
    """What cross-validation inside one fold's training part chose: the candidate's place and C, the inverse penalty.

    `inner_loss` is the mean log loss on the inner folds left out: a row a candidate, a column a value of the metrics'
    `strengths`; empty where there was nothing to choose by.
    """

    candidate: int
    c: float
    inner_loss: tuple[tuple[float, ...], ...]


def choice_node(choice: Choice) -> dict[str, Any]:
    """`choice` as a JSON object."""
    return asdict(choice)


def read_choice(document: JsonDocument, place: str, *, num_candidates: int, num_strengths: int) -> Choice:
    """The choice at `place` of `document`.

    Raises:
        ContractError: a missing field, a wrong type, a candidate that there is not, a row too few or too short.
    """
    candidate = document.get(f"{place}/candidate", int)
    if not 0 <= candidate < num_candidates:
        raise document.error(f"{place}/candidate", expected=f"a place among {num_candidates}", found=str(candidate))
    rows = len(document.get(f"{place}/inner_loss", list))
    if rows not in (0, num_candidates):
        raise document.error(f"{place}/inner_loss", expected=f"{num_candidates} rows or none", found=f"{rows}")
    losses = [document.numbers(f"{place}/inner_loss/{row}", num_strengths).tolist() for row in range(rows)]
    return Choice(candidate, document.get(f"{place}/c", float), tuple(tuple(row) for row in losses))
