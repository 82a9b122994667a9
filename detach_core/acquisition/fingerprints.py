"""Fingerprints of raw files: whatever replaces one is noticed, even under an older time stamp.

Snakemake looks for inputs that are newer than the results, and what `cp -p`, `rsync -a` or `unzip` put there may be
older. So the rules that read files of others carry their fingerprints as a param. Files of up to `HASHED_BYTES` go by
their content, larger ones by size and time stamp, since no plan may read gigabytes. A file replaced by another of
equal size and equal time stamp is noticed only if it is no larger than that, or if a manifest holds its checksum.

Standard library only: the Snakefile calls this when it plans.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from detach_core.foundation.files import write_text

HASHED_BYTES = 1_000_000  # as Snakemake: a larger file that is newer reruns its readers whatever it holds
_SETTLED_NS = 2_000_000_000  # a file changed later than that may change again within one tick of its clock


class Fingerprints:
    """Fingerprints of files; `cache_path` keeps checksums under size, times and inode: none is computed twice."""

    def __init__(self, cache_path: Path | str | None = None) -> None:
        self.cache_path = Path(cache_path) if cache_path else None
        self._sums: dict[str, list[Any]] = self._load()
        self._changed = False

    def of_files(self, names: Iterable[str], root: Path | str = ".") -> list[str]:
        """`name: fingerprint` of each file, `names` below `root`; what is not there is told as absent."""
        found = [f"{name}: {self._fingerprint(Path(root) / name)}" for name in names]
        self._save()
        return found

    def unlike_manifest(self, manifest_path: Path | str, names: Iterable[str], root: Path | str) -> list[str]:
        """`name: fingerprint` of the files that are not what the manifest beside them says; all is well with none.

        What has not changed since the manifest was written is not read. Without a readable manifest nothing is told:
        the files are yet to come, or the stage that reads it will say what is wrong.

        Args:
            manifest_path: a JSON file whose `files` each have `path`, `bytes` and `sha256`.
            names: paths below `root`, as the manifest has them.
            root: the folder of the files.
        """
        try:
            written_ns = Path(manifest_path).stat().st_mtime_ns
            listed = json.loads(Path(manifest_path).read_text(encoding="utf-8"))["files"]
            promised = {str(file["path"]): (file["bytes"], file["sha256"]) for file in listed}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return []
        strange = [name for name in names if not self._is_promised(Path(root) / name, promised.get(name), written_ns)]
        return self.of_files(strange, root)

    def _is_promised(self, path: Path, promise: tuple[Any, Any] | None, written_ns: int) -> bool:
        try:
            status = path.stat()
            if promise is None or status.st_size != promise[0]:
                return False
            # No copying tool can set the time of the last change of a file's content or attributes.
            return status.st_ctime_ns <= written_ns or self._sha256(path, status) == promise[1]
        except OSError:
            return False

    def _fingerprint(self, path: Path) -> str:
        try:
            status = path.stat()
            if status.st_size <= HASHED_BYTES:
                return f"sha256 {self._sha256(path, status)[:16]}"
        except OSError as error:
            return f"absent ({error.strerror})"
        return f"{status.st_size} bytes of {status.st_mtime_ns} ns"

    def _sha256(self, path: Path, status: os.stat_result) -> str:
        stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        known = self._sums.get(str(path))
        if known is not None and known[:-1] == stamp:
            return str(known[-1])
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if time.time_ns() - status.st_ctime_ns > _SETTLED_NS:
            self._sums[str(path)] = [*stamp, found]
            self._changed = True
        return found

    def _load(self) -> dict[str, list[Any]]:
        with suppress(OSError, ValueError, AttributeError):
            if self.cache_path is not None:
                loaded = json.loads(self.cache_path.read_text(encoding="utf-8"))
                return {str(path): entry for path, entry in loaded.items() if _is_entry(entry)}
        return {}

    def _save(self) -> None:
        """Write the cache, if something new was read; a folder that cannot be written only costs time."""
        if self.cache_path is None or not self._changed:
            return
        with suppress(OSError):
            write_text(self.cache_path, json.dumps(self._sums))
        self._changed = False


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, list) and len(entry) == 5 and isinstance(entry[-1], str)
