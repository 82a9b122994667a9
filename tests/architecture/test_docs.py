import ast
import re
import runpy

import pytest

from detach_core.config.code_digest import CodeDigest


@pytest.fixture(scope="module")
def paper_map(root):
    return runpy.run_path(str(root / "docs" / "make_paper_map.py"))


def test_every_equation_is_named_by_exactly_one_public_function(paper_map):
    found = paper_map["equations"]()
    assert {number: places for number, places in found.items() if len(places) > 1} == {}
    assert sorted(found) == list(range(1, 14))


def test_equation_numbers_are_read(paper_map):
    assert paper_map["numbers_of"]("Eqs. 12-13: the loss") == [12, 13]
    assert paper_map["numbers_of"]("the mean (Eq. 7)") == [7]
    assert paper_map["numbers_of"]("Eqs. 5 and 6: joined") == [5, 6]


@pytest.mark.parametrize(("page", "function"), [("paper_map", "paper_map_page"), ("contracts", "contracts_page")])
def test_a_generated_page_is_in_sync(root, page, function):
    text = runpy.run_path(str(root / "docs" / f"make_{page}.py"))[function]()
    assert (root / "docs" / f"{page}.md").read_text(encoding="utf-8") == text, f"run: ./run python docs/make_{page}.py"


def test_every_contract_with_a_schema_is_on_the_page(root):
    listed = {module for module, _ in runpy.run_path(str(root / "docs" / "make_contracts.py"))["ARTIFACTS"]}
    contracts = sorted((root / "detach_core" / "contracts").glob("*.py"))
    with_schema = {path.stem for path in contracts if "\nSCHEMA = " in path.read_text(encoding="utf-8")}
    assert listed == with_schema


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
    uses = {}
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


def test_every_equation_is_computed_by_a_stage(paper_map, root):
    """A function that only tests call would describe the paper and not the program."""
    found = reached_from(["pretrain_spatial", "pretrain"], root)
    functions = {place.rpartition(": ")[2] for places in paper_map["equations"]().values() for place, _ in places}
    assert functions - found == set()
