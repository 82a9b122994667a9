"""Texts from files and configurations: labels, and values in messages of one line.

A label is the name of a class, channel, place or protocol, and all else that is shown as it is. Labels come from
configurations and from artifacts of others, and go into tables, figures, pages and file names. They may hold any
visible character; every writer escapes by itself what its format takes for markup.
"""

from __future__ import annotations

from typing import Any

LONGEST = 120  # characters shown of a value or a key


def one_line(text: str) -> str:
    """`text` with whatever cannot be printed, line breaks first of all, written as an escape."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shown(value: Any) -> str:
    """`value` as Python writes it, cut after `LONGEST` characters."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


LONGEST_LABEL = 200
# A spreadsheet takes a cell that begins so for a formula, and runs it.
_FORMULA = "=+-@"


def label_fault(text: str) -> str | None:
    """Fault of `text` as a label, a phrase that says what was found; None where it is one. The empty text is one."""
    if len(text) > LONGEST_LABEL:
        return f"{len(text)} characters"
    if not text.isprintable():
        hidden = next(character for character in text if not character.isprintable())
        return f"the character U+{ord(hidden):04X}, which is not seen,"
    if text != text.strip():
        return f"blanks at an end of {text!r}"
    if text.startswith(tuple(_FORMULA)):
        return f"{text[0]!r} at the beginning of {text[:40]!r}, as of a formula,"
    return None


LABEL = f"at most {LONGEST_LABEL} characters that are seen, no blank at an end and none of {' '.join(_FORMULA)} first"


def refuse_no_label(text: str) -> str:
    """`text`, for a model of the configuration.

    Raises:
        ValueError: it is no label.
    """
    if (fault := label_fault(text)) is not None:
        raise ValueError(f"must be {LABEL}, got {fault}".rstrip(","))
    if not text:
        raise ValueError("must be a name, got an empty text")
    return text
