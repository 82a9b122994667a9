"""Pages of the Python interface: built without a warning; an annotation that pdoc cannot read is told."""

import importlib.util
import sys

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("pdoc") is None, reason="pdoc is not installed: ./run docs"),
]
BROKEN = '''"""Package of one function."""


def half(value: "Missing") -> float:
    """Half of a value."""
    return value / 2
'''


def test_the_pages_of_the_package_are_built_without_a_warning(tmp_path):
    from tools.make_api_pages import write_pages

    assert write_pages(tmp_path) == []
    page = (tmp_path / "detach_core" / "methods" / "registry.html").read_text(encoding="utf-8")
    assert "build_method" in page
    assert (tmp_path / "index.html").is_file()


def test_an_annotation_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    from tools.make_api_pages import write_pages

    (tmp_path / "package_with_a_fault").mkdir()
    (tmp_path / "package_with_a_fault" / "__init__.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "package_with_a_fault", raising=False)
    warnings = write_pages(tmp_path / "pages", "package_with_a_fault")
    assert len(warnings) == 1
    assert "Missing" in warnings[0]
