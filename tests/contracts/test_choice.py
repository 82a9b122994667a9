import json
from pathlib import Path

import pytest

from detach_core.contracts.json_document import JsonDocument
from detach_core.contracts.metrics import Choice, choice_node, read_choice
from detach_core.foundation.errors import ContractError

CHOICE = Choice(1, 0.1, ((0.5, 0.25), (0.125, 1.5)))


def read(node):
    document = JsonDocument(Path("metrics.json"), "probe", {"choices": [json.loads(json.dumps(node))]})
    return read_choice(document, "choices/0", num_candidates=2, num_strengths=2)


@pytest.mark.parametrize("choice", [CHOICE, Choice(0, 1.0, ())])
def test_what_is_written_is_read(choice):
    assert read(choice_node(choice)) == choice


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("candidate", 2),
        ("candidate", -1),
        ("candidate", None),
        ("c", "0.1"),
        ("inner_loss", [[0.5, 0.25]]),
        ("inner_loss", [[0.5, 0.25], [0.5]]),
        ("inner_loss", [[0.5, 0.25], [0.5, float("nan")]]),
        ("inner_loss", None),
    ],
)
def test_a_wrong_value_is_refused_by_its_place(key, value):
    with pytest.raises(ContractError, match=f"choices/0/{key}.*run the rule probe again"):
        read(choice_node(CHOICE) | {key: value})
