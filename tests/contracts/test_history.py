import json
from typing import Any

import pytest

from detach_core.contracts.history import read_history, write_history
from detach_core.contracts.provenance import make_provenance
from detach_core.foundation.errors import ContractError

PROVENANCE = make_provenance(stage="pretrain", source="simulated", settings={}, seed=0)


def test_what_is_written_is_read(tmp_path):
    rows: list[dict[str, Any]] = [{"epoch": 0}, {"epoch": 1, "losses": {"contrastive": 1.5}, "sizes": [1, 2]}]
    write_history(tmp_path / "h.jsonl", rows, run={"momentum": 0.99}, provenance=PROVENANCE)
    read = read_history(tmp_path / "h.jsonl")
    assert read.epochs == rows
    assert read.run == {"momentum": 0.99}
    assert read.provenance == PROVENANCE


def test_each_line_is_json_and_what_is_not_finite_is_null(tmp_path):
    rows: list[dict[str, Any]] = [{"epoch": 1, "pairs": {"hard": float("nan")}, "list": [float("inf"), 1.0]}]
    write_history(tmp_path / "h.jsonl", rows, run={}, provenance=PROVENANCE)
    lines = (tmp_path / "h.jsonl").read_text().splitlines()
    assert len(lines) == 2
    assert json.loads(lines[1]) == {"epoch": 1, "pairs": {"hard": None}, "list": [None, 1.0]}


def test_a_column_leaves_out_epochs_without_it(tmp_path):
    rows: list[dict[str, Any]] = [{"epoch": 0, "change_rate": None}, {"epoch": 1, "change_rate": 0.5}, {"epoch": 2}]
    write_history(tmp_path / "h.jsonl", rows, run={}, provenance=PROVENANCE)
    assert read_history(tmp_path / "h.jsonl").column("change_rate") == [0.5]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda lines: [], "schema"),
        (lambda lines: [lines[0].replace("history/2", "history/9"), *lines[1:]], "schema"),
        (lambda lines: [json.dumps({"schema": "detach.history/2", "run": {}}), *lines[1:]], "provenance"),
        (lambda lines: [lines[0], "{broken"], "line 2"),
        (lambda lines: [lines[0], "{}"], "line 2: epoch"),
    ],
)
def test_a_changed_file_is_refused(tmp_path, change, field):
    path = tmp_path / "h.jsonl"
    write_history(path, [{"epoch": 0}], run={}, provenance=PROVENANCE)
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(ContractError) as caught:
        read_history(path)
    assert caught.value.field == field
