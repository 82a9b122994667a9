"""Parts of a page that the workflow writes, each between markers of its own; all else there is written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from detach_core.foundation.errors import BadInputError
from detach_core.foundation.files import write_text


def markers(name: str) -> tuple[str, str]:
    """What stands before and after the block called `name`."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def fill_blocks(page_path: Path | str, blocks: Mapping[str, str]) -> None:
    """Put each text between the markers of its name; what stands outside them stays. All or nothing is written.

    Raises:
        BadInputError: a block holds a comment, as markers are, or its markers are not there once each, in this order.
    """
    page = Path(page_path)
    text = page.read_text(encoding="utf-8")
    for name, block in blocks.items():
        begin, end = markers(name)
        if "<!--" in block:
            found, expected = "a comment in what shall stand there", "text and tables"
            remedy = "make the file that it comes from anew (snakemake --forcerun table figure)"
            raise BadInputError(page, f"block {name}", found=found, expected=expected, remedy=remedy)
        if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
            raise BadInputError(
                page,
                f"markers of {name}",
                found=f"{text.count(begin)} of {begin!r} and {text.count(end)} of {end!r}",
                expected="one of each, in this order",
                remedy="put them where the block shall stand",
            )
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{block.strip()}\n{end}{rest.split(end)[1]}"
    write_text(page, text)
