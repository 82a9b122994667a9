"""Partial downloads: the received bytes in a hidden file beside the target, with the identity of the whole.

`.name.partial` holds the bytes and `.name.partial.json` the server's word on the whole file, so that a later attempt,
in this run or another, can resume. `.name.fetched.json` records the identity of a downloaded file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detach_core.foundation.files import write_text

if TYPE_CHECKING:
    from _hashlib import HASH


@dataclass(frozen=True)
class Fetched:
    """A finished file."""

    url: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Whole:
    """Identity of the whole file, as the server states it."""

    url: str
    etag: str | None
    last_modified: str | None
    length: int | None

    @property
    def validator(self) -> str | None:
        """Value of the If-Range header: a strong entity tag, else the date of the last change."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.last_modified

    def contradicts(self, other: Whole) -> bool:
        """Whether the two cannot be the same file."""
        pairs = ((self.url, other.url), (self.etag, other.etag), (self.length, other.length))
        return any(ours is not None and theirs is not None and ours != theirs for ours, theirs in pairs)


class Partial:
    """The part of `target` that has been received so far."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name}.partial")
        self.note = target.with_name(f".{target.name}.partial.json")
        self.receipt = target.with_name(f".{target.name}.fetched.json")

    def size(self) -> int:
        """Number of received bytes."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def whole(self, url: str) -> Whole | None:
        """Identity of the file that the part belongs to, if it came from `url`; any other part is removed."""
        noted = _read(self.note)
        try:
            whole = Whole(**noted) if noted else None
        except TypeError:
            whole = None
        if whole is None or whole.url != url or not self.size():
            self.discard()
            return None
        return whole

    def begin(self, whole: Whole) -> None:
        """Record the identity of the whole file before its bytes are received."""
        write_text(self.note, json.dumps(asdict(whole)))

    def discard(self) -> None:
        """Remove the part."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def finish(self, fetched: Fetched) -> Fetched:
        """Rename the part to the target's name."""
        write_text(self.receipt, json.dumps(asdict(fetched)))
        self.path.replace(self.target)
        self.note.unlink(missing_ok=True)
        return fetched

    def finished(self, url: str, sha256: str | None) -> Fetched | None:
        """The target, if it is there and unchanged since its download from `url`, or matches `sha256`."""
        if not self.target.is_file():
            return None
        found = hash_file(self.target).hexdigest()
        noted = _read(self.receipt)
        known = sha256 or (noted.get("sha256") if noted.get("url") == url else None)
        return Fetched(url, self.target.stat().st_size, found) if found == known else None

    def remove(self) -> None:
        """Remove the target and its records."""
        self.discard()
        self.target.unlink(missing_ok=True)
        self.receipt.unlink(missing_ok=True)


def hash_file(path: Path) -> HASH:
    """The SHA-256 of a file's content, open for more."""
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            sha256.update(chunk)
    return sha256


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
