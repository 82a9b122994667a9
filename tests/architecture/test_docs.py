import re
import runpy

import pytest


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


def test_every_artifact_with_a_schema_is_on_the_page(root):
    page = runpy.run_path(str(root / "docs" / "make_contracts.py"))
    texts = [path.read_text(encoding="utf-8") for path in (root / "detach_core" / "contracts").glob("*.py")]
    schemas = [schema for text in texts for schema in re.findall(r'^\w*SCHEMA = "detach\.(\w+)/\d+"$', text, re.M)]
    assert sorted(page["ARTIFACTS"]) == sorted(schemas) == sorted(page["artifacts"]())


def test_every_module_that_the_map_names_exists(root):
    text = (root / "docs" / "paper_map.md").read_text(encoding="utf-8")
    paths = re.findall(r"detach_core/[\w/]+\.py", text)
    assert len(paths) >= 13
    assert [path for path in paths if not (root / path).is_file()] == []
