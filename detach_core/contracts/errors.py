"""The errors that a user sees: one sentence with the file, the place, what was found and what to do."""

from __future__ import annotations

import errno
from pathlib import Path

from detach_core.config.one_line import one_line

# errno -> what it says of the disk.
NO_SPACE = {errno.ENOSPC: "no space is left on its disk", errno.EDQUOT: "the quota of its disk is used up"}


class UserError(Exception):
    """Something outside the program is wrong and the user can mend it; shown without a traceback."""


class BadInputError(UserError):
    """A file that the user brought cannot be read as its format says."""

    def __init__(self, path: Path | str, place: str, *, found: str, expected: str, remedy: str) -> None:
        self.path, self.place, self.found, self.expected, self.remedy = Path(path), place, found, expected, remedy
        super().__init__(one_line(f"{path}: {place}: found {found}, expected {expected}; {remedy}"))


class ContractError(UserError):
    """An artifact of an earlier stage is not what its contract says."""

    def __init__(self, path: Path | str, field: str, *, expected: str, found: str, remedy: str) -> None:
        self.path, self.field, self.expected, self.found, self.remedy = Path(path), field, expected, found, remedy
        super().__init__(one_line(f"{path}: {field}: found {found}, expected {expected}; {remedy}"))


class NoSpaceError(UserError, OSError):
    """A file could not be written because its disk is full; an `OSError` too, for those who go on without the file."""

    def __init__(self, path: Path | str, error_number: int) -> None:
        self.path = Path(path)
        super().__init__(
            one_line(
                f"{path}: cannot be written, {NO_SPACE[error_number]}; nothing is left of the attempt and what stood "
                "under that name before is untouched; make room and run again"
            )
        )
