import ast
import re
from typing import Any

import pytest

from detach_core.workflow.code_digest import CodeDigest
from tools import make_contracts, make_paper_map

PAGES = {"paper_map": make_paper_map.paper_map_page, "contracts": make_contracts.contracts_page}


def test_every_equation_is_named_by_exactly_one_public_function():
    found = make_paper_map.equations()
    assert {number: places for number, places in found.items() if len(places) > 1} == {}
    assert sorted(found) == list(range(1, 14))


def test_equation_numbers_are_read():
    assert make_paper_map.numbers_of("Eqs. 12-13: the loss") == [12, 13]
    assert make_paper_map.numbers_of("the mean (Eq. 7)") == [7]
    assert make_paper_map.numbers_of("Eqs. 5 and 6: joined") == [5, 6]


@pytest.mark.parametrize("page", PAGES)
def test_a_generated_page_is_in_sync(root, page):
    written = (root / "docs" / f"{page}.md").read_text(encoding="utf-8")
    assert written == PAGES[page](), f"run: ./run python -m tools.make_{page}"


def test_every_artifact_with_a_schema_is_on_the_page(root):
    texts = [path.read_text(encoding="utf-8") for path in (root / "detach_core" / "contracts").glob("*.py")]
    schemas = [schema for text in texts for schema in re.findall(r'^\w*SCHEMA = "detach\.(\w+)/\d+"$', text, re.M)]
    assert sorted(make_contracts.ARTIFACTS) == sorted(schemas) == sorted(make_contracts.artifacts())


def test_the_changelog_s_first_section_names_schemas_as_they_are(root):
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8").split("\n## ")[1]
    named = set(re.findall(r"detach\.\w+/\d+", text))
    contracts = (root / "docs" / "contracts.md").read_text(encoding="utf-8")
    assert len(named) >= 8
    assert named <= set(re.findall(r"Schema `(detach\.\w+/\d+)`", contracts))


def test_no_list_of_the_changelog_is_cut_in_two(root):
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"\n- [^\n]*(?:\n  [^\n]*)*\n\n+- [^\n]*", text) == []


@pytest.mark.parametrize("name", ["CHANGELOG.md", "docs/methods.md", "docs/learning.md", "docs/evidence.md"])
def test_no_line_of_a_paragraph_is_very_wide(root, name):
    text = (root / name).read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if len(line) > 145 and not line.startswith("|")] == []


def test_every_module_that_the_map_names_exists(root):
    text = (root / "docs" / "paper_map.md").read_text(encoding="utf-8")
    paths = re.findall(r"detach_core/[\w/]+\.py", text)
    assert len(paths) >= 13
    assert [path for path in paths if not (root / path).is_file()] == []


def names_used(node):
    """Names and attributes inside a definition: what it may call."""
    return {
        one.id if isinstance(one, ast.Name) else one.attr
        for one in ast.walk(node)
        if isinstance(one, ast.Name | ast.Attribute)
    }


def reached_from(stages, root):
    """Names of functions that the stages reach by calls, with what torch calls itself (`forward`, constructors)."""
    modules = set().union(*(CodeDigest(root).closure(f"detach_core.stages.{stage}") for stage in stages))
    files = [root.joinpath(*name.split(".")).with_suffix(".py") for name in modules]
    uses: dict[str, Any] = {}
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if path.is_file() else ():
            if isinstance(node, ast.FunctionDef):
                uses.setdefault(node.name, set()).update(names_used(node))
    found, waiting = set(), [*stages, "forward", "__init__"]
    while waiting:
        name = waiting.pop()
        if name in uses and name not in found:
            found.add(name)
            waiting += uses[name]
    return found


def test_every_equation_is_computed_by_a_stage(root):
    """A function that only tests call would describe the paper and not the program."""
    found = reached_from(["pretrain_spatial", "pretrain"], root)
    functions = {place.rpartition(": ")[2] for places in make_paper_map.equations().values() for place, _ in places}
    assert functions - found == set()
