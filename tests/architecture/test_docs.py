import re

import pytest

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


def test_every_module_that_the_map_names_exists(root):
    text = (root / "docs" / "paper_map.md").read_text(encoding="utf-8")
    paths = re.findall(r"detach_core/[\w/]+\.py", text)
    assert len(paths) >= 13
    assert [path for path in paths if not (root / path).is_file()] == []
