"""`{shard}.json` beside simulated recordings: which raw files a shard consists of, with sizes and checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from detach_core.contracts.atomic import write_text
from detach_core.contracts.json_document import JsonDocument
from detach_core.contracts.provenance import Provenance

SCHEMA = "detach.raw/1"


@dataclass(frozen=True, order=True)
class RawFile:
    """One raw file; `path` is relative to the dataset's folder, with `/` between its parts."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class RawManifest:
    """A shard's recordings and all their files, sorted by path."""

    recordings: tuple[str, ...]
    files: tuple[RawFile, ...]
    provenance: Provenance


def describe_files(root: Path | str, paths: Iterable[Path]) -> tuple[RawFile, ...]:
    """The entries of the files at `paths`, all below `root`."""
    root = Path(root)
    return tuple(sorted(_describe(root, path) for path in paths))


def _describe(root: Path, path: Path) -> RawFile:
    content = path.read_bytes()
    return RawFile(path.relative_to(root).as_posix(), len(content), hashlib.sha256(content).hexdigest())


def write_raw_manifest(
    path: Path | str, *, recordings: Sequence[str], files: Sequence[RawFile], provenance: Provenance
) -> None:
    """Write a shard's manifest to `path` atomically."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "recordings": list(recordings),
        "files": [asdict(file) for file in sorted(files)],
        "provenance": asdict(provenance),
    }
    write_text(path, json.dumps(document, indent=1) + "\n")


def read_raw_manifest(path: Path | str) -> RawManifest:
    """The manifest that `write_raw_manifest` wrote.

    Raises:
        ContractError: another schema, or a field missing, of another type, or impossible.
    """
    document = JsonDocument.load(path, schema=SCHEMA, rule="simulate_home")
    count = len(document.get("recordings", list))
    recordings = tuple(document.get(f"recordings/{index}", str) for index in range(count))
    files = []
    for index in range(len(document.get("files", list))):
        place = f"files/{index}"
        file = RawFile(
            path=document.get(f"{place}/path", str),
            bytes=document.get(f"{place}/bytes", int),
            sha256=document.get(f"{place}/sha256", str),
        )
        parts = PurePosixPath(file.path)
        if not file.path or parts.is_absolute() or ".." in parts.parts:
            raise document.error(f"{place}/path", expected="a path below the dataset's folder", found=repr(file.path))
        if file.bytes < 0:
            raise document.error(f"{place}/bytes", expected="a size in bytes", found=repr(file.bytes))
        if len(file.sha256) != 64 or set(file.sha256) - set("0123456789abcdef"):
            raise document.error(f"{place}/sha256", expected="64 hexadecimal digits", found=repr(file.sha256))
        files.append(file)
    return RawManifest(recordings, tuple(files), document.provenance())
