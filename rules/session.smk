"""Before the first job: are the user's own files there? After the last: where are the tables?"""

import time
from pathlib import Path

from detach_core.acquisition.local import check_local, missing_message
from detach_core.contracts.errors import UserError
from snakemake.exceptions import WorkflowError

STARTED_S = time.time()


def check_local_files():
    """Refuse to start when a folder of the user's lacks files: one message, before any job."""
    for dataset in CONFIG.tabulated:
        section, recordings = CONFIG.document.datasets[dataset], CONFIG.recordings(dataset)
        if section.source == "local":
            chosen = dict(
                dataset=dataset,
                adapter=section.adapter,
                root=section.root,
                recordings=recordings,
            )
            if missing := check_local(**chosen, native=section.native.model_dump()):
                raise WorkflowError(missing_message(missing, **chosen))


def closing_lines():
    """Where the tables of this run are; a short one is shown."""
    for name in CONFIG.document.tables:
        path = Path(f"results/{name}.csv")
        if path.exists() and path.stat().st_mtime >= STARTED_S:
            shown = path.with_suffix(".md")
            if shown.exists() and len(text := shown.read_text()) < 6000:
                yield text
            yield f"The table is in {path} (and .md, .tex)."


if workflow.is_main_process:
    try:
        check_local_files()
    except UserError as error:
        raise WorkflowError(str(error)) from None
