"""Manifests of raw files: simulated ones shard by shard, downloaded ones of a whole dataset."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from detach_core.contracts.json_document import JsonDocument
from detach_core.contracts.provenance import Provenance
from detach_core.foundation.files import write_text

RAW_SCHEMA = "detach.raw/1"
"""`{shard}.json` beside simulated recordings: manifest of a shard's raw files, with sizes and checksums."""


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
        "schema": RAW_SCHEMA,
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
    document = JsonDocument.load(path, schema=RAW_SCHEMA, rule="simulate_home")
    count = len(document.get("recordings", list))
    recordings = tuple(document.get(f"recordings/{index}", str) for index in range(count))
    files = tuple(
        _checked(document, place, RawFile(**_file_fields(document, place))) for place in _file_places(document)
    )
    return RawManifest(recordings, files, document.provenance())


DOWNLOAD_SCHEMA = "detach.download/1"
"""`download.json`: every file that the download stage fetched, with its size, its SHA-256 and where it came from."""


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
        "schema": DOWNLOAD_SCHEMA,
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
    document = JsonDocument.load(path, schema=DOWNLOAD_SCHEMA, rule="download")
    files = tuple(
        _checked(
            document, place, DownloadedFile(**_file_fields(document, place), url=document.get(f"{place}/url", str))
        )
        for place in _file_places(document)
    )
    return DownloadManifest(files, document.provenance())


def _file_places(document: JsonDocument) -> list[str]:
    return [f"files/{index}" for index in range(len(document.get("files", list)))]


def _file_fields(document: JsonDocument, place: str) -> dict[str, Any]:
    kinds = {"path": str, "bytes": int, "sha256": str}
    return {name: document.get(f"{place}/{name}", kind) for name, kind in kinds.items()}


File = TypeVar("File", RawFile, DownloadedFile)


def _checked(document: JsonDocument, place: str, file: File) -> File:
    parts = PurePosixPath(file.path)
    if not file.path or parts.is_absolute() or ".." in parts.parts:
        raise document.error(f"{place}/path", expected="a path below the dataset's folder", found=repr(file.path))
    if file.bytes < 0:
        raise document.error(f"{place}/bytes", expected="a size in bytes", found=repr(file.bytes))
    if not re.fullmatch("[0-9a-f]{64}", file.sha256):
        raise document.error(f"{place}/sha256", expected="64 hexadecimal digits", found=repr(file.sha256))
    return file
