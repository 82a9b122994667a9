"""Stage `download`: the files that the config names, fetched, checked and unpacked below the dataset's own folder."""

from __future__ import annotations

import json
from pathlib import Path

from detach_core.acquisition.local import RawFolder, missing_files, missing_message, origin_of
from detach_core.acquisition.obtain import obtain, remote_files
from detach_core.acquisition.settings import DownloadStageSettings
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.raw_files import write_download_manifest
from detach_core.foundation.errors import UserError
from detach_core.foundation.logs import stage_log
from detach_core.settings.base import from_plain, to_plain


def download(*, settings: str, root_path: Path | str, manifest_path: Path | str, log_path: Path | str) -> None:
    """Fetch one dataset's files and list them in the manifest.

    Args:
        settings: JSON of `DownloadStageSettings`.
        root_path: the dataset's folder; files of an earlier run stay and are not fetched again.
        manifest_path: `download.json`, written when every recording has its files.
        log_path: the stage's log.

    Raises:
        SystemExit: an error that the user can correct; the log names it.
    """
    with stage_log(log_path, "download") as log:
        wanted = from_plain(DownloadStageSettings, json.loads(settings))
        files, root, origin = remote_files(wanted.download), Path(root_path), origin_of(wanted.adapter)
        came = []
        for number, file in enumerate(files, start=1):
            log.info("%d of %d: %s", number, len(files), file.public_url)
            came += obtain(file, root, limits=wanted.download, origin=origin, log=log)
        folder = RawFolder(wanted.dataset, wanted.adapter, root, wanted.recordings, wanted.native)
        missing = missing_files(folder)
        if missing:
            raise UserError(missing_message(missing, folder, source="download"))
        provenance = make_provenance(stage="download", source="downloaded", settings=to_plain(wanted))
        write_download_manifest(manifest_path, files=came, provenance=provenance)
        log.info("%d files, %.1f MB, in %s", len(came), sum(file.bytes for file in came) / 1e6, root)
