"""Generated pages: blocks between markers, small pictures, and the check of the report's content.

Outside its markers, a page is written by hand. Snakemake puts results into its report as they are, and they may have
come from others. So a table's page with a script, a frame or an address, and a caption that includes a file, links
anywhere or holds HTML, are refused before.
"""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

from docutils import nodes
from docutils.core import publish_doctree
from PIL import Image

from detach_core.foundation.errors import BadInputError, ContractError, UserError
from detach_core.foundation.files import atomic_path, write_text


def markers(name: str) -> tuple[str, str]:
    """The comments before and after the block called `name`."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def fill_blocks(page_path: Path | str, blocks: Mapping[str, str]) -> None:
    """Replace the text between the markers of each name; text outside them stays. Written atomically.

    Raises:
        BadInputError: a block holds a comment, as markers are, or its markers are not there once each, in this order.
    """
    page = Path(page_path)
    text = page.read_text(encoding="utf-8")
    for name, block in blocks.items():
        begin, end = markers(name)
        if "<!--" in block:
            found, expected = "a comment in the text to insert", "text and tables"
            remedy = "make its source file anew (snakemake --forcerun table figure)"
            raise BadInputError(page, f"block {name}", found=found, expected=expected, remedy=remedy)
        if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
            raise BadInputError(
                page,
                f"markers of {name}",
                found=f"{text.count(begin)} of {begin!r} and {text.count(end)} of {end!r}",
                expected="one of each, in this order",
                remedy="put them around the place of the block",
            )
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{block.strip()}\n{end}{rest.split(end)[1]}"
    write_text(page, text)


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
        raise _refused(path, found.fault, "a table's page in this project's format", rule)


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
    """Parser that records the first element on a page that a table's page may not have."""

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
                self._note("a link to another page")

    def handle_data(self, data: str) -> None:
        # Only a style is read for more than its text.
        if self.lasttag == "style" and any(word in data.lower() for word in ("url(", "@import", "expression(")):
            self._note("a style that loads a resource")

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


# Shares of a 300 dpi picture's width, from what a page shows well down to what can just be read.
SCALES = (0.6, 0.5, 0.42, 0.36, 0.3, 0.25)

COLOURS = 256


def write_small_picture(png_path: Path | str, small_path: Path | str, *, max_bytes: int) -> None:
    """Write the picture at `png_path`, with at most 256 colours, as large as `max_bytes` allow; deterministic.

    Raises:
        UserError: even the smallest is larger.
    """
    with Image.open(png_path) as opened:
        # Transparency would turn black on a dark page.
        full = Image.new("RGB", opened.size, "white")
        full.paste(opened, mask=opened.convert("RGBA").getchannel("A"))
    for scale in SCALES:
        size = (round(scale * full.width), round(scale * full.height))
        small = full.resize(size, Image.Resampling.LANCZOS).quantize(COLOURS, dither=Image.Dither.NONE)
        written = BytesIO()
        small.save(written, "PNG", optimize=True)
        if written.tell() <= max_bytes:
            with atomic_path(small_path) as partial:
                partial.write_bytes(written.getvalue())
            return
    raise UserError(
        f"{png_path}: size: found {written.tell()} bytes at {SCALES[-1]:.0%} of its width, expected at most"
        f" {max_bytes}; draw less into the figure"
    )
