"""Text files of sensors: tables of numbers read by line and column, missing values marked, invalid ones refused."""

from __future__ import annotations

import codecs
import csv
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn, TextIO

import numpy as np
from numpy.typing import NDArray

from detach_core.foundation.errors import BadInputError

# How the C libraries write NaN, with and without its sign and kind, and an empty cell.
_NAN = re.compile(r"|[+-]?nan(\([a-z0-9_]*\))?|[+-]?1\.#(qnan|snan|ind)\d*", re.ASCII | re.IGNORECASE)


class LostWords:
    """Spellings of missing values: the configured words, every form of NaN, and the empty value."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = {word.strip().casefold() for word in words}

    def __contains__(self, text: str) -> bool:
        word = text.strip()
        return word.casefold() in self._words or _NAN.fullmatch(word) is not None


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


class CsvRows:
    """The rows of a CSV file; errors of the csv module are reported with their line."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self._path, self._rows = path, csv.reader(file)

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        try:
            return next(self._rows)
        except csv.Error as error:
            place, remedy = f"line {self._rows.line_num}", "mend the line"
            raise BadInputError(
                self._path, place, found=str(error), expected="comma-separated values", remedy=remedy
            ) from None

    @property
    def line_num(self) -> int:
        """Lines read so far."""
        return self._rows.line_num


_ALLOWED = np.zeros(256, dtype=bool)

_ALLOWED[np.frombuffer(b"0123456789.+-eE NAna\t\r\n\v\f", dtype=np.uint8)] = True

_WIDEST = 24  # characters of a number in float64, sign and exponent included


# What begins like a number can be none (-, 1.#IND), but what is made of these characters alone can be no word.
_WORD = re.compile(rb"(?<!\S)(?![+-]?[\d.][\d.eE+-]*(?!\S))\S+")

_BLOCK_BYTES = 1 << 20

_BOM = b"\xef\xbb\xbf"

_REMEDY = "correct the line, or copy the file again"


def read_number_blocks(
    path: Path | str, *, num_columns: int, columns: Sequence[int], lost: LostWords | None = None
) -> Iterator[NDArray[np.float64]]:
    """The `columns` (1-based) of a file of white-space separated numbers, a row a line, in pieces (rows, len(columns)).

    NaN in any case, and what `lost` holds, is a lost value.

    Raises:
        BadInputError: the file is missing or empty, a line has other than `num_columns` values, or a value is no
            number; names line and column. Pieces before that line have been given by then.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInputError(path, "file", found="nothing", expected="a table of numbers", remedy="put the file there")
    wanted = np.asarray(columns, dtype=np.int64) - 1
    is_empty = True
    for block in _blocks(path, num_columns):
        values = _read_block(block, num_columns, wanted)
        if values is None and lost is not None:
            # Only blocks that are no plain numbers pay for a look at each of their words.
            values = _read_block(_without_words(block, lost), num_columns, wanted)
        if values is None:
            _diagnose(path, num_columns, lost)
        if len(values):
            is_empty = False
            yield values
    if is_empty:
        remedy = "copy the file again"
        raise BadInputError(path, "file", found="an empty file", expected=f"{num_columns} columns", remedy=remedy)


def _blocks(path: Path, num_columns: int) -> Iterator[bytes]:
    """The file in pieces of whole lines, so that memory does not grow with its length.

    Raises:
        BadInputError: a line longer than a block, since its check needs many times its memory.
    """
    lines_before = 0
    with path.open("rb") as file:
        if file.read(len(_BOM)) != _BOM:
            file.seek(0)
        while start := file.read(_BLOCK_BYTES):
            block = start + file.readline(_BLOCK_BYTES)
            if len(block) - (start.rfind(b"\n") + 1) > _BLOCK_BYTES:
                number = lines_before + start.count(b"\n") + 1
                found = f"a line of more than {_BLOCK_BYTES} bytes"
                raise BadInputError(
                    path, f"line {number}", found=found, expected=f"{num_columns} numbers", remedy=_REMEDY
                )
            yield block
            lines_before += block.count(b"\n")


def _read_block(block: bytes, num_columns: int, wanted: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """The selected columns of some lines; None if any of them is invalid."""
    characters = np.frombuffer(block, dtype=np.uint8)
    inside = characters > ord(" ")
    before = np.concatenate([[False], inside[:-1]])
    starts = np.flatnonzero(inside & ~before)
    # The end of a value is the character behind it; one more for a file without a last line break.
    ends = np.append(np.flatnonzero(~inside & before), [len(block)] if inside[-1] else []).astype(np.int64)
    if not len(starts):
        return np.empty((0, len(wanted)))
    if not _ALLOWED[characters].all() or not _is_rectangular(starts, characters, num_columns):
        return None
    starts, ends = (edges.reshape(-1, num_columns)[:, wanted] for edges in (starts, ends))
    return _parse(characters, starts, ends)


def _without_words(block: bytes, lost: LostWords) -> bytes:
    return _WORD.sub(lambda match: b"nan" if match[0].decode("utf-8", "replace") in lost else match[0], block)


def _is_rectangular(starts: NDArray[np.int64], characters: NDArray[np.uint8], num_columns: int) -> bool:
    if len(starts) % num_columns:
        return False
    breaks = np.flatnonzero(characters == ord("\n"))
    values_before = np.searchsorted(starts, breaks)
    lines = np.unique(values_before[values_before > 0])  # blank lines add nothing
    full = np.arange(num_columns, len(starts) + 1, num_columns)
    return np.array_equal(lines if len(lines) and lines[-1] == len(starts) else [*lines, len(starts)], full)


def _parse(
    characters: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    width = int((ends - starts).max())
    if width > _WIDEST:
        return None
    position = starts[..., None] + np.arange(width)
    letters = characters[np.minimum(position, len(characters) - 1)]
    letters[position >= ends[..., None]] = 0
    try:
        values: NDArray[np.float64] = letters.view(f"S{width}")[..., 0].astype(np.float64)
    except ValueError:
        return None
    return None if np.isinf(values).any() else values


def _diagnose(path: Path, num_columns: int, lost: LostWords | None) -> NoReturn:
    with path.open("rb") as file:
        for number, line in enumerate(iter(partial(file.readline, 2 * _BLOCK_BYTES), b""), start=1):
            values = (line.removeprefix(_BOM) if number == 1 else line).split()
            for column, value in enumerate(values, start=1):
                is_lost = lost is not None and value.decode("utf-8", "replace") in lost
                if not is_lost and not _is_number(value):
                    shown = value[:20].decode("utf-8", errors="backslashreplace")
                    place = f"line {number}, column {column}"
                    expected = "a number or NaN" + (" or a word of `native.lost_words`" if lost is not None else "")
                    raise BadInputError(path, place, found=repr(shown), expected=expected, remedy=_REMEDY)
            if values and len(values) != num_columns:
                found = f"{len(values)} values"
                raise BadInputError(path, f"line {number}", found=found, expected=f"{num_columns}", remedy=_REMEDY)
    raise BadInputError(path, "file", found="no table", expected=f"{num_columns} numbers a line", remedy=_REMEDY)


def _is_number(value: bytes) -> bool:
    try:
        is_infinite = math.isinf(float(value))
    except ValueError:
        return False
    return len(value) <= _WIDEST and not is_infinite and bool(_ALLOWED[np.frombuffer(value, dtype=np.uint8)].all())
