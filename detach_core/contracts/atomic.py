"""Write beside, then rename: a file is whole or absent."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from detach_core.contracts.errors import NO_SPACE, NoSpaceError


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """A temporary sibling of `path` that takes its name when the block ends well and vanishes when it does not.

    Raises:
        NoSpaceError: the disk was full, or its quota used up, before the file was whole.
    """
    path = Path(path)
    # The suffix stays last: encoders and libraries choose formats by it.
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise NoSpaceError(path, error.errno) from error
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def remove(path: Path | str) -> None:
    """Delete `path`, if it is there, and what writers of it left beside it when they were killed."""
    path = Path(path)
    for leftover in path.parent.glob(f".{glob.escape(path.stem)}.*.partial{path.suffix}"):
        leftover.unlink(missing_ok=True)
    path.unlink(missing_ok=True)
