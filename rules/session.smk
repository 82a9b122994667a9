"""Before the first job: are the user's own files there? After the last: where are the tables?"""

import time
from pathlib import Path

from detach_core.acquisition.local import RawFolder, local_troubles
from detach_core.config.evidence import RESERVED

STARTED_S = time.time()


def chosen_folders():
    """The datasets whose files are the user's own, of those that some table needs."""
    for name in CONFIG.tabulated:
        section = CONFIG.document.datasets[name]
        if section.source == "local":
            yield RawFolder(name, section.adapter, section.root, CONFIG.recordings(name), section.native)


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


if workflow.is_main_process and (troubles := local_troubles(chosen_folders())):
    refuse("\n\n".join(troubles))
