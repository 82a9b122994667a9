"""`download.json`: every file that the download stage brought, with its size, its SHA-256 and where it came from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from detach_core.contracts.atomic import write_text
from detach_core.contracts.json_document import JsonDocument
from detach_core.contracts.provenance import Provenance

SCHEMA = "detach.download/1"


@dataclass(frozen=True, order=True)
class DownloadedFile:
    """One file below the dataset's folder. `path` has `/` between its parts; `url` has no user name and no query."""

    path: str
    bytes: int
    sha256: str
    url: str


@dataclass(frozen=True)
class DownloadManifest:
    """All files of one dataset, sorted by path."""

    files: tuple[DownloadedFile, ...]
    provenance: Provenance


def write_download_manifest(
    path: Path | str, *, files: Iterable[DownloadedFile], provenance: Provenance
) -> DownloadManifest:
    """Write the manifest to `path` atomically and return it."""
    manifest = DownloadManifest(tuple(sorted(files)), provenance)
    document = {
        "schema": SCHEMA,
        "files": [asdict(file) for file in manifest.files],
        "provenance": asdict(provenance),
    }
    write_text(path, json.dumps(document, indent=1) + "\n")
    return manifest


def read_download_manifest(path: Path | str) -> DownloadManifest:
    """The manifest at `path`.

    Raises:
        ContractError: another schema, or a field missing, of another type, or impossible.
    """
    document = JsonDocument.load(path, schema=SCHEMA, rule="download")
    files = []
    for index in range(len(document.get("files", list))):
        place = f"files/{index}"
        file = DownloadedFile(
            path=document.get(f"{place}/path", str),
            bytes=document.get(f"{place}/bytes", int),
            sha256=document.get(f"{place}/sha256", str),
            url=document.get(f"{place}/url", str),
        )
        parts = PurePosixPath(file.path)
        if not file.path or parts.is_absolute() or ".." in parts.parts:
            raise document.error(f"{place}/path", expected="a path below the dataset's folder", found=repr(file.path))
        if file.bytes < 0:
            raise document.error(f"{place}/bytes", expected="a size in bytes", found=repr(file.bytes))
        if not re.fullmatch("[0-9a-f]{64}", file.sha256):
            raise document.error(f"{place}/sha256", expected="64 hexadecimal digits", found=repr(file.sha256))
        files.append(file)
    return DownloadManifest(tuple(files), document.provenance())
