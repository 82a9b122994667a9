"""Sizes and SHA-256 of OPPORTUNITY's 24 `.dat` files as the UCI repository gives them out (DOI 10.24432/C5M027).

The figures lie beside this module in `opportunity_checksums.csv`, `file,bytes,sha256`: facts about the published files,
none of their content.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from detach_core.foundation.errors import BadInputError

TABLE_PATH = Path(__file__).with_suffix(".csv")


@dataclass(frozen=True)
class Checksum:
    """What one file must be."""

    bytes: int
    sha256: str


@lru_cache(maxsize=1)
def opportunity_checksums() -> dict[str, Checksum]:
    """File name, such as `S1-ADL1.dat` -> its size and SHA-256."""
    with TABLE_PATH.open(encoding="utf-8", newline="") as table:
        return {row["file"]: Checksum(int(row["bytes"]), row["sha256"]) for row in csv.DictReader(table)}


def verify_opportunity(files: Iterable[tuple[str, int, str]], *, place: str) -> int:
    """How many of `files` (path, bytes, sha256) are among the 24 and are what UCI published; others are left alone.

    Raises:
        BadInputError: a file has the name of one of the 24 and another content.
    """
    verified = 0
    for path, size, sha256 in files:
        expected = opportunity_checksums().get(PurePosixPath(path).name)
        if expected is None:
            continue
        if (size, sha256) != (expected.bytes, expected.sha256):
            raise BadInputError(
                path,
                place,
                found=f"{size} bytes with sha256 {sha256}",
                expected=f"{expected.bytes} bytes with sha256 {expected.sha256}, as UCI published it",
                remedy="the file is damaged or of another release: fetch it anew from DOI 10.24432/C5M027",
            )
        verified += 1
    return verified
