"""Stage `download`: the files that the config names, fetched, checked and unpacked below the dataset's own folder."""

from __future__ import annotations

import json
from pathlib import Path

from detach_core.acquisition.local import check_local, missing_message
from detach_core.acquisition.obtain import obtain
from detach_core.acquisition.plan import read_plan
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.raw_files import write_download_manifest
from detach_core.foundation.errors import UserError
from detach_core.foundation.logs import stage_log


def download(*, settings: str, root_path: Path | str, manifest_path: Path | str, log_path: Path | str) -> None:
    """Fetch one dataset's files and write what came into the manifest.

    Args:
        settings: canonical JSON of `dataset`, `adapter`, `recordings`, `native` and `download`.
        root_path: the dataset's folder; what an earlier run brought stays and is not fetched again.
        manifest_path: `download.json`, written when every recording has its files.
        log_path: the stage's log.

    Raises:
        SystemExit: something that the user can mend; the log says what.
    """
    with stage_log(log_path, "download") as log:
        wanted = json.loads(settings)
        dataset, adapter, recordings = wanted["dataset"], wanted["adapter"], wanted["recordings"]
        plan, root = read_plan(wanted["download"]), Path(root_path)
        came = []
        for number, file in enumerate(plan.files, start=1):
            log.info("%d of %d: %s", number, len(plan.files), file.public_url)
            came += obtain(file, root, plan=plan, adapter=adapter, log=log)
        where = {"dataset": dataset, "adapter": adapter, "root": root, "recordings": recordings}
        missing = check_local(**where, native=wanted["native"])
        if missing:
            raise UserError(missing_message(missing, **where, source="download"))
        provenance = make_provenance(stage="download", source="downloaded", settings=wanted)
        write_download_manifest(manifest_path, files=came, provenance=provenance)
        log.info("%d files, %.1f MB, in %s", len(came), sum(file.bytes for file in came) / 1e6, root)
