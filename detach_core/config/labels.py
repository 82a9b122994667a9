"""What a label may hold: the name of a class, channel, place or protocol, and all else that is shown as it is.

Labels come from configurations and from artifacts of others, and go into tables, figures, pages and file names. They
may hold any character that is seen; every writer says by itself which of them its format takes for markup.
"""

from __future__ import annotations

LONGEST_LABEL = 200
# A spreadsheet takes a cell that begins so for a formula, and runs it.
_FORMULA = "=+-@"


def label_fault(text: str) -> str | None:
    """Why `text` is no label, as a phrase that says what was found; None where it is one. The empty text is one."""
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
