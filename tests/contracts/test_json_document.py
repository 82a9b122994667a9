import json

import pytest

from detach_core.contracts.json_document import JsonDocument
from detach_core.foundation.errors import ContractError

ROOT = {"schema": "detach.toy/1", "a": {"b": [1, 2.5, "x"], "flag": True, "huge": 1e400}, "ids": [3, 0], "bad": [1, -1]}


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "toy.json"
    path.write_text(json.dumps(ROOT))
    return JsonDocument.load(path, schema="detach.toy/1", rule="toy")


def test_values_are_found_by_their_place(document):
    assert document.get("a/b/1", float) == 2.5
    assert document.get("a/b/0", int) == 1
    assert document.get("a/b/0", float) == 1.0
    assert document.ids("ids").tolist() == [3, 0]
    assert document.numbers("ids", 2).tolist() == [3.0, 0.0]


@pytest.mark.parametrize(
    ("place", "kind"),
    [("a/c", int), ("a/b/7", int), ("a/b/x", int), ("a/b/0/z", int), ("a/flag", int), ("a/huge", float)],
)
def test_what_is_missing_or_of_another_type_is_refused_by_its_place(document, place, kind):
    with pytest.raises(ContractError, match=rf"toy.json: {place}: .*run the rule toy again"):
        document.get(place, kind)


def test_lists_of_something_else_are_refused(document):
    with pytest.raises(ContractError, match="bad"):
        document.ids("bad")
    with pytest.raises(ContractError, match="3 finite numbers"):
        document.numbers("ids", 3)
    with pytest.raises(ContractError, match="finite numbers"):
        document.numbers("a/b")
    with pytest.raises(ContractError, match="provenance"):
        document.provenance()


@pytest.mark.parametrize("text", ['{"schema": "detach.toy/2"}', "[]", "{", None])
def test_another_schema_no_json_and_no_file_are_refused(tmp_path, text):
    path = tmp_path / "toy.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ContractError, match="run the rule toy again"):
        JsonDocument.load(path, schema="detach.toy/1", rule="toy")


@pytest.mark.parametrize(
    "text", ["a\n.. raw:: html", "a\x00b", "=1+1", "\u202ea", "x" * 201, " a", "a\u2028b", "\x1b[31m"]
)
def test_a_text_that_may_not_be_shown_is_refused_by_its_place(tmp_path, text):
    (tmp_path / "a.json").write_text(json.dumps({"schema": "s", "probed": text, "names": ["a", text], "p": {text: 1}}))
    document = JsonDocument.load(tmp_path / "a.json", schema="s", rule="probe")
    for read, place in (
        (lambda: document.label("probed"), "probed"),
        (lambda: document.labels("names"), "names/1"),
        (lambda: document.key("p", text), "p"),
    ):
        with pytest.raises(ContractError, match=rf"a\.json: {place}: found .*characters that are seen"):
            read()
    with pytest.raises(ContractError, match="expected names without /"):
        document.key("p", "a/b")
