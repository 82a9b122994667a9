"""Errors with a remedy, and the texts of messages: labels and values from files and configurations, on one line.

A label is the name of a class, channel, place or protocol, and all else that is shown as it is. Labels come from
configurations and from artifacts of others, and go into tables, figures, pages and file names. They may hold any
visible character; every writer escapes by itself what its format takes for markup.
"""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any, BinaryIO

LONGEST = 120  # characters shown of a value or a key


def one_line(text: str) -> str:
    """`text` with whatever cannot be printed, line breaks first of all, written as an escape."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shown(value: Any) -> str:
    """`repr` of `value`, cut after `LONGEST` characters."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


LONGEST_LABEL = 200


# A spreadsheet takes a cell that begins so for a formula, and runs it.
_FORMULA = "=+-@"


def label_fault(text: str) -> str | None:
    """Fault of `text` as a label, as a phrase for `found`; None for a valid label, such as the empty text."""
    if len(text) > LONGEST_LABEL:
        return f"{len(text)} characters"
    if not text.isprintable():
        hidden = next(character for character in text if not character.isprintable())
        return f"the character U+{ord(hidden):04X}, which is invisible,"
    if text != text.strip():
        return f"blanks at an end of {text!r}"
    if text.startswith(tuple(_FORMULA)):
        return f"{text[0]!r} at the beginning of {text[:40]!r}, as of a formula,"
    return None


LABEL = f"at most {LONGEST_LABEL} characters that are seen, no blank at an end and none of {' '.join(_FORMULA)} first"


def refuse_no_label(text: str) -> str:
    """The unchanged `text`, which must be a valid label; a check for configuration fields.

    Raises:
        ValueError: it is no label.
    """
    if (fault := label_fault(text)) is not None:
        raise ValueError(f"must be {LABEL}, got {fault}".rstrip(","))
    if not text:
        raise ValueError("must be a name, got an empty text")
    return text


# errno -> the fault of the disk.
NO_SPACE = {errno.ENOSPC: "no space is left on its disk", errno.EDQUOT: "the quota of its disk is used up"}


# errno -> why the operating system refuses a file, and what to do; nothing of it is the file's own fault.
UNREADABLE = {
    errno.EACCES: ("permission is denied", "set permissions for it and the folders above it"),
    errno.EPERM: ("permission is denied", "set permissions for it and the folders above it"),
    errno.EIO: ("its disk or network reports an input/output error", "check the disk or its connection"),
    errno.ESTALE: ("its network file system has lost it (stale handle)", "mount that file system again"),
    errno.ETIMEDOUT: ("its network file system does not answer", "check the connection"),
    errno.EHOSTDOWN: ("its network file system does not answer", "check the connection"),
    errno.EREMOTEIO: ("its network file system reports an error", "check the connection"),
    errno.ENOTCONN: ("its network file system is not connected", "mount that file system again"),
    errno.ENODEV: ("its device is gone", "check the disk"),
    errno.ENXIO: ("its device is gone", "check the disk"),
    errno.EMFILE: ("too many files are open in this process", "raise the limit (`ulimit -n`)"),
    errno.ENFILE: ("too many files are open on this machine", "raise the machine's limit or end other programs"),
    errno.ENOMEM: ("memory is used up", "give the job more memory or end other programs"),
    errno.ENOLCK: (
        "its file system does not support locks",
        "set HDF5_USE_FILE_LOCKING=FALSE in the environment or mount it with locks",
    ),
    errno.EAGAIN: ("another program has locked it", "end that program"),
    errno.ELOOP: ("its links form a loop", "correct the link"),
    errno.ENAMETOOLONG: ("its path is too long", "put the checkout or the folder under a shorter one"),
}


class UserError(Exception):
    """An error that the user can correct; shown without a traceback."""


class BadInputError(UserError):
    """A user's file that violates its format."""

    def __init__(self, path: Path | str, place: str, *, found: str, expected: str, remedy: str) -> None:
        self.path, self.place, self.found, self.expected, self.remedy = Path(path), place, found, expected, remedy
        super().__init__(one_line(f"{path}: {place}: found {found}, expected {expected}; {remedy}"))


class ContractError(UserError):
    """An artifact of an earlier stage that violates its contract."""

    def __init__(self, path: Path | str, field: str, *, expected: str, found: str, remedy: str) -> None:
        self.path, self.field, self.expected, self.found, self.remedy = Path(path), field, expected, found, remedy
        super().__init__(one_line(f"{path}: {field}: found {found}, expected {expected}; {remedy}"))


class NoSpaceError(UserError, OSError):
    """A file that could not be written because its disk is full; an `OSError` too, for callers that can continue."""

    def __init__(self, path: Path | str, error_number: int) -> None:
        self.path = Path(path)
        super().__init__(
            one_line(
                f"{path}: cannot be written, {NO_SPACE[error_number]}; the partial file is removed, and "
                "an earlier file of that name is unchanged; free some space and run again"
            )
        )


class UnreadableFileError(UserError, OSError):
    """A file that the operating system refuses and that may be valid; making it anew would not help."""

    def __init__(self, path: Path | str, error_number: int) -> None:
        self.path = Path(path)
        cause, remedy = UNREADABLE[error_number]
        super().__init__(
            one_line(
                f"{path}: the operating system refuses it: {cause} ({errno.errorcode[error_number]}); its content may"
                f" be valid; {remedy} and run again"
            )
        )
        self.errno = error_number


def raise_unreadable(path: Path | str, error: BaseException) -> None:
    """Raise `UnreadableFileError` if the machine and not the file caused `error`; else return.

    HDF5 and safetensors tell of the operating system's errors in words alone, so their number is looked for there.

    Raises:
        UnreadableFileError: the operating system refused.
    """
    if isinstance(error, MemoryError):
        raise UnreadableFileError(path, errno.ENOMEM) from None
    told = re.search(r"\b(?:errno = |os error |Errno )(\d+)", str(error))
    for number in (getattr(error, "errno", None), int(told[1]) if told else None):
        if number in UNREADABLE:
            raise UnreadableFileError(path, number) from None


def open_for_reading(path: Path | str) -> BinaryIO:
    """The file at `path`, open for reading bytes.

    Raises:
        UnreadableFileError: the operating system does not let it be read.
        OSError: it is not there, or is a folder.
    """
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise_unreadable(path, error)
        raise
