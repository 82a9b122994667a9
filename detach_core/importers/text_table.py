"""Lines and tables of text files, read one after the other; what is no text or no table is refused with its line."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from detach_core.foundation.errors import BadInputError, open_for_reading

_LONGEST_LINE = 1 << 20
_DELIMITERS = (",", ";", "\t")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines with their numbers from 1, without line breaks.

    Raises:
        BadInputError: the file is not there, is not UTF-8, or has a line of more than a million bytes.
        UnreadableFileError: the operating system refuses it.
    """
    if not path.is_file():
        found = "neither a file nor a link to one" if path.exists() else "nothing"
        raise BadInputError(path, "file", found=found, expected="a file", remedy="give the path of the log")
    with open_for_reading(path) as file:
        number = 0
        while line := file.readline(_LONGEST_LINE):
            number += 1
            if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
                found = f"more than {_LONGEST_LINE} bytes"
                raise BadInputError(path, f"line {number}", found=found, expected="a line", remedy="check the file")
            try:
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                found = f"the byte {line[error.start]:#04x}"
                remedy = "save the file as UTF-8"
                raise BadInputError(path, f"line {number}", found=found, expected="UTF-8 text", remedy=remedy) from None


def read_table(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows below a header, with the line each begins on; separated by commas, semicolons or tabs.

    Args:
        path: the file.
        columns: names that the header must have; others may be there.

    Raises:
        BadInputError: as `read_lines`; a column is missing or named twice, or a row has too few cells.
    """
    lines = read_lines(path)
    number, header_line = next(lines, (1, ""))
    delimiter = max(_DELIMITERS, key=header_line.count)
    header = [name.strip() for name in next(_rows(path, csv.reader([header_line], delimiter=delimiter), lambda: 1), [])]
    if absent := [name for name in columns if header.count(name) != 1]:
        raise BadInputError(
            path,
            f"line {number}",
            found=f"the columns {', '.join(header) or 'none'}",
            expected=f"{', '.join(absent)} among them, once each",
            remedy="name the columns so, or check that this is the right file",
        )
    last = max(header.index(name) for name in columns)
    begin = number + 1

    def counted() -> Iterator[str]:
        nonlocal number
        for number, line in lines:  # noqa: B007
            yield f"{line}\n"

    for cells in _rows(path, csv.reader(counted(), delimiter=delimiter), lambda: number):
        if cells and len(cells) <= last:
            expected = f"at least {last + 1}, as the header has"
            raise BadInputError(
                path, f"line {begin}", found=f"{len(cells)} cells", expected=expected, remedy="mend the line"
            )
        if cells:
            yield begin, dict(zip(header, (cell.strip() for cell in cells), strict=False))
        begin = number + 1


def _rows(path: Path, rows: Iterator[list[str]], line: Callable[[], int]) -> Iterator[list[str]]:
    try:
        yield from rows
    except csv.Error as error:
        expected, remedy = "cells of a table", "check for a quotation mark that is not closed"
        place = f"line {line()}"
        raise BadInputError(path, place, found=f"no row ({error})", expected=expected, remedy=remedy) from None
