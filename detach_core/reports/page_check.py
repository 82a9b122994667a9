"""What may stand in the report: table pages and captions as this project writes them, and nothing that runs.

Snakemake puts results into its page as they are, and they may have come from others. So a page with a script, a frame
or an address, and a caption that includes a file, links anywhere or holds HTML, are refused before.
"""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from docutils import nodes
from docutils.core import publish_doctree

from detach_core.foundation.errors import ContractError

_TAGS = {
    **dict.fromkeys(
        ("head", "title", "style", "body", "h1", "p", "br", "table", "thead", "tbody", "tr", "th", "code"),
        frozenset[str](),
    ),
    "html": frozenset({"lang"}),
    "meta": frozenset({"charset"}),
    "div": frozenset({"class"}),
    "td": frozenset({"class"}),
    "a": frozenset({"download", "href"}),
}
_CONTENT = "data:text/plain;base64,"
_NODES = (nodes.document, nodes.paragraph, nodes.strong, nodes.title_reference, nodes.Text)
_SETTINGS = {
    "_disable_config": True,
    "raw_enabled": False,
    "file_insertion_enabled": False,
    "report_level": 5,
    "halt_level": 5,
}


def check_page(path: Path | str, *, rule: str) -> None:
    """Refuse the table's page at `path`, which `rule` makes, if it holds more than a table.

    Raises:
        ContractError: it does.
    """
    found = _Found()
    found.feed(Path(path).read_text(encoding="utf-8", errors="replace"))
    found.close()
    if found.fault is not None:
        raise _refused(path, found.fault, "a table's page as this project writes it", rule)


def check_caption(path: Path | str, *, rule: str) -> None:
    """Refuse the first line of the Markdown at `path`, which `rule` makes, if it is more than a caption.

    Raises:
        ContractError: it is.
    """
    lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    tree = publish_doctree(lines[0] if lines else "", settings_overrides=_SETTINGS)
    for node in tree.findall():
        if not isinstance(node, _NODES):
            raise _refused(path, f"a {type(node).__name__}", "a paragraph of text and code as its first line", rule)


def _refused(path: Path | str, found: str, expected: str, rule: str) -> ContractError:
    return ContractError(
        path, "content", expected=expected, found=found, remedy=f"rerun the rule `{rule}` (snakemake --forcerun {rule})"
    )


class _Found(HTMLParser):
    """The first thing on a page that a table's page does not have."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.fault: str | None = None
        self._styles = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._styles += tag == "style"
        if tag not in _TAGS or self._styles > 1:
            self._note(f"a tag <{tag}>")
        for name, value in attrs:
            if name not in _TAGS.get(tag, ()):
                self._note(f"an attribute {name} of <{tag}>")
            elif name == "href" and not (value or "").startswith(_CONTENT):
                self._note("a link that leads elsewhere")

    def handle_data(self, data: str) -> None:
        # Only a style is read for more than its text.
        if self.lasttag == "style" and any(word in data.lower() for word in ("url(", "@import", "expression(")):
            self._note("a style that fetches something")

    def handle_comment(self, data: str) -> None:
        del data
        self._note("a comment")

    def handle_pi(self, data: str) -> None:
        del data
        self._note("an instruction")

    def unknown_decl(self, data: str) -> None:
        del data
        self._note("a declaration")

    def _note(self, fault: str) -> None:
        self.fault = self.fault or fault
