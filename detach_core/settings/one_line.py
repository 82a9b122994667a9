"""What files hold, fit for a message of one line: their names and values may have any length and character."""

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
