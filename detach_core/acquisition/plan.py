"""What to fetch, from the config's `download` section, refused as a whole before the first byte when it cannot work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from detach_core.acquisition.members import member_path
from detach_core.foundation.errors import UserError


@dataclass(frozen=True)
class RemoteFile:
    """One entry of `download.files`; `path` is a file below the dataset's folder, or the folder to unpack into."""

    url: str
    path: PurePosixPath
    sha256: str | None
    unpack: bool

    @property
    def public_url(self) -> str:
        """The url as it may be shown and written down."""
        return public_url(self.url)


@dataclass(frozen=True)
class Patience:
    """How long to try: `attempts` a file, waits that double from `backoff_s` to `max_backoff_s`, and time limits."""

    attempts: int
    backoff_s: float
    max_backoff_s: float
    timeout_s: float
    """of silence, after which a connection counts as broken"""
    limit_s: float
    """for one file, all attempts together"""


@dataclass(frozen=True)
class Plan:
    """The whole `download` section."""

    files: tuple[RemoteFile, ...]
    patience: Patience
    max_bytes: int
    max_entries: int


def public_url(url: str) -> str:
    """`url` without user name, password, query and fragment: signed links carry secrets there."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def read_plan(download: Mapping[str, Any]) -> Plan:
    """The plan that a `download` section describes.

    Raises:
        UserError: no file is named, a url is not http(s), or a path is not one of its own below the dataset's folder.
    """
    files = tuple(_remote_file(place, entry) for place, entry in enumerate(download["files"]))
    if not files:
        raise UserError(
            "download.files: found no entry, expected at least one {url, path, sha256, unpack}; name what to fetch, or "
            "use `source: local` or `source: simulated`; docs/data.md has an example"
        )
    for index, file in enumerate(files):
        for other in files[:index]:
            if file.path == other.path or file.path in other.path.parents or other.path in file.path.parents:
                raise UserError(
                    f"download.files[{index}].path: found {file.path}, expected a place apart from {other.path}; each "
                    f"entry needs its own"
                )
    patience = Patience(
        attempts=download["attempts"],
        backoff_s=download["backoff_s"],
        max_backoff_s=download["max_backoff_s"],
        timeout_s=download["timeout_s"],
        limit_s=download["max_hours"] * 3600,
    )
    return Plan(files, patience, int(download["max_unpacked_gb"] * 1e9), download["max_entries"])


def _remote_file(index: int, entry: Mapping[str, Any]) -> RemoteFile:
    key = f"download.files[{index}]"
    try:
        parts = urlsplit(entry["url"])
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise UserError(f"{key}.url: found {entry['url']!r}, expected an http or https address; correct it")
    try:
        path = member_path(entry["path"])
    except ValueError as error:
        raise UserError(
            f"{key}.path: found {entry['path']!r} ({error}), expected a path below the dataset's folder; correct it"
        ) from error
    if not path.parts or any(part.startswith(".") for part in path.parts):
        raise UserError(
            f"{key}.path: found {entry['path']!r}, expected a name that does not begin with a dot; name one"
        )
    sha256 = entry["sha256"]
    if sha256 is not None and (len(sha256) != 64 or set(sha256.lower()) - set("0123456789abcdef")):
        raise UserError(f"{key}.sha256: found {sha256!r}, expected 64 hexadecimal digits or null; correct it")
    return RemoteFile(entry["url"], path, sha256 and sha256.lower(), entry["unpack"])
