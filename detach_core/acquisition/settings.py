"""Settings of downloads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from detach_core.datasets.registry import FileGlobs
from detach_core.settings.base import Count, Range, Settings


def public_url(url: str) -> str:
    """`url` without user name, password, query and fragment: signed links carry secrets there."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


@dataclass(frozen=True, kw_only=True)
class DownloadFile(Settings):
    """A file to fetch."""

    url: Annotated[str, Range(pattern=r"^https?://")]
    """where it is"""
    path: Annotated[str, Range(min_length=1)]
    """path below data/downloaded/{dataset}"""
    sha256: str | None = None
    """its checksum in hex; null when none is published"""
    unpack: bool
    """whether it is an archive to unpack"""


@dataclass(frozen=True)
class DownloadSettings(Settings):
    """Files that `source: download` fetches, limits of their size, and the retries."""

    files: tuple[DownloadFile, ...] = ()
    """the files to fetch"""
    max_unpacked_gb: Annotated[float, Range(gt=0)] = 4.0
    """an archive that unpacks to more is refused"""
    max_entries: Count = 20_000
    """an archive with more files and folders is refused"""
    attempts: Annotated[int, Range(ge=1, le=1000)] = 8
    """attempts per file; each continues from the bytes already received"""
    backoff_s: Annotated[float, Range(ge=0, le=3600)] = 2.0
    """wait before the second attempt; doubles with each (s)"""
    max_backoff_s: Annotated[float, Range(ge=0, le=86_400)] = 60.0
    """the longest wait between two attempts (s)"""
    timeout_s: Annotated[float, Range(gt=0, le=3600)] = 60.0
    """silence after which a connection counts as broken (s)"""
    max_hours: Annotated[float, Range(gt=0)] = 24.0
    """time for one file, all attempts together (h)"""

    @property
    def max_bytes(self) -> int:
        """`max_unpacked_gb` in bytes."""
        return round(self.max_unpacked_gb * 1e9)

    @property
    def limit_s(self) -> float:
        """`max_hours` in seconds."""
        return self.max_hours * 3600


@dataclass(frozen=True, kw_only=True)
class DownloadStageSettings(Settings):
    """Settings of stage `download`."""

    dataset: str
    adapter: str
    recordings: tuple[str, ...]
    native: FileGlobs
    download: DownloadSettings
