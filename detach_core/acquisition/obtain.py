"""Download of a dataset: each remote file, or the content of each archive, placed in the dataset's folder."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from detach_core.acquisition.archive import LimitError, UnpackedFile, member_path, new_folder, unpack
from detach_core.acquisition.download import byte_progress, fetch
from detach_core.acquisition.partial import Partial, hash_file
from detach_core.acquisition.settings import DownloadFile, DownloadSettings, public_url
from detach_core.contracts.raw_files import DownloadedFile
from detach_core.datasets.registry import Origin
from detach_core.foundation.errors import BadInputError, UserError
from detach_core.foundation.files import write_text

RECEIPT = ".unpacked.json"


@dataclass(frozen=True)
class RemoteFile:
    """A file to fetch, checked; `path` is a file below the dataset's folder, or the folder to unpack into."""

    url: str
    path: PurePosixPath
    sha256: str | None
    unpack: bool

    @property
    def public_url(self) -> str:
        """The url without what must not be shown or logged."""
        return public_url(self.url)


def remote_files(download: DownloadSettings) -> tuple[RemoteFile, ...]:
    """The files that a `download` section names; one invalid entry refuses the section before any transfer.

    Raises:
        UserError: no file is named, a url is not http(s), or a path is not one of its own below the dataset's folder.
    """
    files = tuple(_remote_file(place, entry) for place, entry in enumerate(download.files))
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
    return files


def obtain(
    file: RemoteFile, root: Path, *, limits: DownloadSettings, origin: Origin, log: logging.Logger
) -> list[DownloadedFile]:
    """Download `file` below `root` and verify it; a verified file that is already there is kept.

    Files with the names of published ones are compared with the origin's checksums, whatever the entry states.

    Raises:
        BadInputError: what came is not what it should be; it is not kept.
        UserError: it cannot be had.
    """
    target = root / file.path
    if not file.unpack:
        fetched = fetch(file.url, target, sha256=file.sha256, limits=limits, log=log)
        came = [UnpackedFile(file.path.as_posix(), fetched.bytes, fetched.sha256)]
        try:
            _verify(came, origin, file, log)
        except BadInputError:
            Partial(target).remove()
            raise
    else:
        came = _unpacked_before(target, file) or _fetch_and_unpack(file, target, limits=limits, origin=origin, log=log)
        came = [UnpackedFile((file.path / each.path).as_posix(), each.bytes, each.sha256) for each in came]
    return [DownloadedFile(each.path, each.bytes, each.sha256, file.public_url) for each in came]


def _fetch_and_unpack(
    file: RemoteFile, folder: Path, *, limits: DownloadSettings, origin: Origin, log: logging.Logger
) -> list[UnpackedFile]:
    archive = folder.with_name(f".{folder.name}.archive")
    fetched = fetch(file.url, archive, sha256=file.sha256, limits=limits, log=log)
    try:
        with new_folder(folder) as fresh, byte_progress(log, f"unpacking {folder.name}", total=None) as advance:
            came = unpack(archive, fresh, max_bytes=limits.max_bytes, max_entries=limits.max_entries, progress=advance)
            _verify(came, origin, file, log)
            receipt = {"url": file.public_url, "sha256": fetched.sha256, "files": [asdict(each) for each in came]}
            write_text(fresh / RECEIPT, json.dumps(receipt))
    except LimitError:
        raise  # the archive stays: with a higher limit it need not come again
    except BadInputError:
        Partial(archive).remove()
        raise
    Partial(archive).remove()
    log.info("%s: %d files unpacked from %s", folder, len(came), file.public_url)
    return came


def _unpacked_before(folder: Path, file: RemoteFile) -> list[UnpackedFile] | None:
    """The files of an earlier run, if this entry produced them and none has changed."""
    try:
        receipt = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))
        came = [UnpackedFile(**each) for each in receipt["files"]]
        same = receipt["url"] == file.public_url and file.sha256 in (None, receipt["sha256"])
        sound = same and all(hash_file(folder / each.path).hexdigest() == each.sha256 for each in came)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return came if sound else None


def _verify(came: list[UnpackedFile], origin: Origin, file: RemoteFile, log: logging.Logger) -> None:
    if origin.checksums is not None:
        count = verify_published(came, origin, place=file.public_url)
        total = len(published_files(origin))
        log.info("%s: %d of %d published files of %s were received", file.public_url, count, total, origin.title)


def published_files(origin: Origin) -> dict[str, tuple[int, str]]:
    """Size in bytes and SHA-256 of each published file, by name, such as `S1-ADL1.dat`; {} where none is known."""
    if origin.checksums is None:
        return {}
    with origin.checksums.open(encoding="utf-8", newline="") as table:
        return {row["file"]: (int(row["bytes"]), row["sha256"]) for row in csv.DictReader(table)}


def verify_published(files: Iterable[UnpackedFile], origin: Origin, *, place: str) -> int:
    """The number of `files` that are among the published ones and equal them; others are not checked.

    Raises:
        BadInputError: a file has the name of a published one and another content.
    """
    published, verified = published_files(origin), 0
    for file in files:
        expected = published.get(PurePosixPath(file.path).name)
        if expected is None:
            continue
        if (file.bytes, file.sha256) != expected:
            raise BadInputError(
                file.path,
                place,
                found=f"{file.bytes} bytes with sha256 {file.sha256}",
                expected=f"{expected[0]} bytes with sha256 {expected[1]}, as published",
                remedy=f"the file is damaged or of another release: fetch it anew from {origin.release}",
            )
        verified += 1
    return verified


def _remote_file(index: int, entry: DownloadFile) -> RemoteFile:
    key = f"download.files[{index}]"
    try:
        parts = urlsplit(entry.url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise UserError(f"{key}.url: found {entry.url!r}, expected an http or https address; correct it")
    try:
        path = member_path(entry.path)
    except ValueError as error:
        raise UserError(
            f"{key}.path: found {entry.path!r} ({error}), expected a path below the dataset's folder; correct it"
        ) from error
    if not path.parts or any(part.startswith(".") for part in path.parts):
        raise UserError(f"{key}.path: found {entry.path!r}, expected a name that does not begin with a dot; name one")
    sha256 = entry.sha256
    if sha256 is not None and (len(sha256) != 64 or set(sha256.lower()) - set("0123456789abcdef")):
        raise UserError(f"{key}.sha256: found {sha256!r}, expected 64 hexadecimal digits or null; correct it")
    return RemoteFile(entry.url, path, sha256 and sha256.lower(), entry.unpack)
