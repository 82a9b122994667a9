"""Stage `html_report`: tables, figures and training curves with captions, the rule graph and the run's statistics.

Snakemake makes the page from what it keeps of each finished job. A second Snakemake does so while the first waits for
this job: it runs nothing, and the files that it shows are all there.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from detach_core.foundation.errors import UserError
from detach_core.foundation.files import atomic_path
from detach_core.foundation.logs import stage_log
from detach_core.reports.pages import check_caption, check_page

NO_RECORD = "Missing metadata for file "


def html_report(
    *,
    settings: str,
    snakefile: str | Path,
    target_paths: Sequence[str | Path],
    report_path: str | Path,
    log_path: str | Path,
) -> None:
    """Write the report at `report_path`, which needs no network.

    Args:
        settings: JSON of the whole configuration as the running workflow has it, whatever overlays it came from.
        snakefile: the workflow.
        target_paths: files that the report shows with all that they are made from.
        report_path: where to write.
        log_path: the log.
    """
    with stage_log(log_path, "html_report") as log, TemporaryDirectory() as folder, atomic_path(report_path) as partial:
        for path in map(Path, target_paths):
            _check(path)
        config_path = Path(folder) / "config.json"
        config_path.write_text(settings, encoding="utf-8")
        # The waiting Snakemake holds the folder's lock; this one only looks.
        options = ["--nolock", "--cores", "1", "--snakefile", str(snakefile), "--configfile", str(config_path)]
        command = [sys.executable, "-m", "snakemake", *map(str, target_paths), "--report", str(partial), *options]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        if done.returncode or not partial.is_file():
            said = "\n".join(lines[-20:])
            raise UserError(f"{report_path}: `snakemake --report` ended with code {done.returncode}:\n{said}")
        if unknown := sum(NO_RECORD in line for line in lines):
            log.warning("%d files lack their run's record, so the statistics lack those jobs", unknown)
        log.info("the report is %s (%.1f MB)", report_path, partial.stat().st_size / 1e6)


def _check(path: Path) -> None:
    """Refuse a table's page or a caption with content that this project does not write."""
    rule = "table" if path.suffix == ".html" else "figure"
    if path.suffix == ".html" and path.is_file():
        check_page(path, rule=rule)
    if path.with_suffix(".md").is_file():
        check_caption(path.with_suffix(".md"), rule=rule)
