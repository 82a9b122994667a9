"""Before the first job: are the user's own files there? After the last: where are the tables?"""

import time
from pathlib import Path

from detach_core.acquisition.local import check_local, missing_message
from detach_core.config.evidence import RESERVED
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
    """Where this run's tables, figures and report are; a short table that came alone is shown."""
    named = [*CONFIG.document.tables, *sorted(RESERVED)]
    fresh = [Path(f"results/{name}.csv") for name in named]
    fresh = [path for path in fresh if path.exists() and path.stat().st_mtime >= STARTED_S]
    if len(fresh) == 1 and len(text := fresh[0].with_suffix(".md").read_text()) < 8000:
        yield text
    for path in fresh:
        yield f"The table is in {path} (and .md, .tex, .html)."
    for name in CONFIG.document.figures:
        path = Path(f"results/figures/{name}.pdf")
        if path.exists() and path.stat().st_mtime >= STARTED_S:
            yield f"The figure is in {path} (and .png, .csv)."
    page = Path("results/report.html")
    if page.exists() and page.stat().st_mtime >= STARTED_S:
        yield f"The report is {page}; any browser opens it."


if workflow.is_main_process:
    try:
        check_local_files()
    except UserError as error:
        raise WorkflowError(str(error)) from None
