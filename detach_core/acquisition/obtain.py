"""One entry of the download plan brought into the dataset's folder: a file, or the content of an archive."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path

from detach_core.acquisition.archive import LimitError, UnpackedFile, new_folder, unpack
from detach_core.acquisition.download import fetch
from detach_core.acquisition.opportunity_checksums import verify_opportunity
from detach_core.acquisition.partial import Partial, hash_file
from detach_core.acquisition.plan import Plan, RemoteFile
from detach_core.acquisition.progress import byte_progress
from detach_core.contracts.raw_files import DownloadedFile
from detach_core.foundation.errors import BadInputError
from detach_core.foundation.files import write_text

RECEIPT = ".unpacked.json"


def obtain(file: RemoteFile, root: Path, *, plan: Plan, adapter: str, log: logging.Logger) -> list[DownloadedFile]:
    """Bring `file` below `root` and check it; what is there already and sound is not fetched again.

    Files with the names of OPPORTUNITY's 24 are held against the checksums that we carry, whatever the entry says.

    Raises:
        BadInputError: what came is not what it should be; it is not kept.
        UserError: it cannot be had.
    """
    target = root / file.path
    if not file.unpack:
        fetched = fetch(file.url, target, sha256=file.sha256, max_bytes=plan.max_bytes, patience=plan.patience, log=log)
        came = [UnpackedFile(file.path.as_posix(), fetched.bytes, fetched.sha256)]
        try:
            _verify(came, adapter, file, log)
        except BadInputError:
            Partial(target).remove()
            raise
    else:
        came = _unpacked_before(target, file) or _fetch_and_unpack(file, target, plan=plan, adapter=adapter, log=log)
        came = [UnpackedFile((file.path / each.path).as_posix(), each.bytes, each.sha256) for each in came]
    return [DownloadedFile(each.path, each.bytes, each.sha256, file.public_url) for each in came]


def _fetch_and_unpack(
    file: RemoteFile, folder: Path, *, plan: Plan, adapter: str, log: logging.Logger
) -> list[UnpackedFile]:
    archive = folder.with_name(f".{folder.name}.archive")
    fetched = fetch(file.url, archive, sha256=file.sha256, max_bytes=plan.max_bytes, patience=plan.patience, log=log)
    try:
        with new_folder(folder) as fresh, byte_progress(log, f"unpacking {folder.name}", total=None) as advance:
            came = unpack(archive, fresh, max_bytes=plan.max_bytes, max_entries=plan.max_entries, progress=advance)
            _verify(came, adapter, file, log)
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
    """The files of an earlier run, if this entry brought them and every one is what it was."""
    try:
        receipt = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))
        came = [UnpackedFile(**each) for each in receipt["files"]]
        same = receipt["url"] == file.public_url and file.sha256 in (None, receipt["sha256"])
        sound = same and all(hash_file(folder / each.path).hexdigest() == each.sha256 for each in came)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return came if sound else None


def _verify(came: list[UnpackedFile], adapter: str, file: RemoteFile, log: logging.Logger) -> None:
    if adapter == "opportunity":
        count = verify_opportunity([(each.path, each.bytes, each.sha256) for each in came], place=file.public_url)
        log.info("%s: %d of OPPORTUNITY's 24 files are as UCI published them", file.public_url, count)
