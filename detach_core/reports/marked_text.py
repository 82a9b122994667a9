"""Captions: sentences of ours with `code`, and text of others that must come out as itself in every format.

A marked text is one line that Markdown and reStructuredText read alike: text between backticks is code, and a
backslash takes the next character's meaning away. What comes from an artifact or a configuration goes through `plain`
before it becomes a part of one; nothing else makes captions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

# Left as they are: an underscore inside a word, an interval in brackets, a colon before a blank, an at sign that stands
# alone. None of them is markup in either language, and tables of plain names and numbers stay easy to read.
_SPECIAL = re.compile(
    r"(?P<interval>\[[-+0-9., ]*\](?![(\[:_]))"
    r"|(?P<special>[\\`*<>&|~$\[\]{}^]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"
    r"|:(?=\S)|(?<=\S)@(?=\S)|(?<=www)\.|!(?=\[))"
)
_PART = re.compile(r"\\(?P<escaped>.)|`(?P<code>[^`\\]*)`|(?P<text>[^\\`]+|.)", re.DOTALL)


def plain(text: object) -> str:
    """`text` as a marked text that shows nothing but its characters, on one line."""
    line = "".join(character if character.isprintable() else " " for character in str(text))
    return _SPECIAL.sub(lambda found: found["interval"] or f"\\{found['special']}", line)


def parts(marked: str) -> Iterator[tuple[str, bool]]:
    """The pieces of a marked text as they are to be seen, and whether each is code."""
    for found in _PART.finditer(marked):
        if found["code"] is not None:
            yield found["code"], True
        else:
            yield found["escaped"] or found["text"] or "", False


def as_html(marked: str) -> str:
    """A marked text as HTML."""
    return "".join(f"<code>{escape(text)}</code>" if is_code else escape(text) for text, is_code in parts(marked))


def as_label(text: str) -> str:
    """`text` as a plain word of the report's menu, which Snakemake puts into a script unescaped.

    An invisible joiner behind `<` keeps a browser from taking what follows for the end of that script.
    """
    return re.sub(r"<(?=[/!?A-Za-z])", "<\N{WORD JOINER}", text)
