"""Native text files in UTF-8, with or without a byte-order mark; all of a file is checked before any of it is read."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import TextIO

from detach_core.foundation.errors import BadInputError

_PIECE_BYTES = 1 << 20


def read_text(path: Path) -> str:
    """The file's text.

    Raises:
        BadInputError: as `open_text`.
    """
    with open_text(path) as file:
        return file.read()


def open_text(path: Path) -> TextIO:
    """The file, open to be read line by line; line breaks stay as they are.

    Raises:
        BadInputError: the file is missing or is not UTF-8; names the line.
    """
    if not path.is_file():  # a pipe would let us wait without end
        found = "neither a file nor a link to one" if path.exists() else "nothing"
        raise BadInputError(path, "file", found=found, expected="a file", remedy="put the file there")
    _check_utf_8(path)
    return path.open(encoding="utf-8-sig", newline="")


def _check_utf_8(path: Path) -> None:
    lines_before, left = 0, b""
    with path.open("rb") as file:
        while True:
            piece = file.read(_PIECE_BYTES)
            left += piece
            try:
                # A letter may lie across two pieces; what ends in the middle of one waits for the next.
                _, used = codecs.utf_8_decode(left, "strict", not piece)
            except UnicodeDecodeError as error:
                place = f"line {lines_before + left[: error.start].count(bytes([10])) + 1}"
                found = f"the byte {left[error.start]:#04x}"
                remedy = "save the file as UTF-8"
                raise BadInputError(path, place, found=found, expected="UTF-8 text", remedy=remedy) from None
            if not piece:
                return
            lines_before, left = lines_before + left[:used].count(b"\n"), left[used:]
