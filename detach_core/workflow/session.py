"""Messages of a run: refusals before the first job, and where the results are after the last."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from detach_core.acquisition.local import local_troubles
from detach_core.config.evidence import RESERVED
from detach_core.config.load import Config
from detach_core.reports.captions import TRAINING_CURVES, Caption, as_label, heading, table_caption
from detach_core.workflow.artifacts import RawFiles
from detach_core.workflow.stage import Stage, Wildcards

SHOWN_CHARACTERS = 8000  # a longer table is not printed


def refuse(message: str) -> NoReturn:
    """End the workflow before its first job, without an exception, which Snakemake would show with internal files.

    Raises:
        SystemExit: with code 1, after `message` on stderr.
    """
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
    raise SystemExit(1)


def refuse_place(checkout: str) -> None:
    """End the workflow if the path of its checkout holds braces, which Snakemake treats as wildcards.

    Raises:
        SystemExit: it does.
    """
    if set("{}") & set(checkout):
        refuse(
            f"{checkout}: found {{ or }} in the path of the checkout, expected none, since Snakemake fills in what"
            " stands between them; move the checkout to a folder of another name"
        )


def refuse_missing_files(raw_files: RawFiles) -> None:
    """End the workflow if files of the user's own datasets are missing, with a list of all of them.

    Raises:
        SystemExit: some are.
    """
    if troubles := local_troubles(raw_files.local_datasets()):
        refuse("\n\n".join(troubles))


def closing_lines(config: Config, started_s: float) -> Iterator[str]:
    """Lines on the tables, figures and report newer than `started_s`; a short table is printed if it is the only one.

    Args:
        config: the configuration.
        started_s: start of the run, in seconds since the epoch.
    """
    named = [*config.document.tables, *sorted(RESERVED)]
    tables = [path for name in named if _is_fresh(path := Path(f"results/{name}.csv"), started_s)]
    if len(tables) == 1 and len(text := tables[0].with_suffix(".md").read_text()) < SHOWN_CHARACTERS:
        yield text
    for path in tables:
        yield f"The table is in {path} (and .md, .tex, .html, .parquet)."
    for name in config.document.figures:
        path = Path(f"results/figures/{name}.pdf")
        if _is_fresh(path, started_s):
            yield f"The figure is in {path} (and .png, .csv, .parquet)."
    page = Path("results/report.html")
    if _is_fresh(page, started_s):
        yield f"The report is {page}; any browser opens it."


def _is_fresh(path: Path, started_s: float) -> bool:
    return path.exists() and path.stat().st_mtime >= started_s


def curves_in_report(report: Callable[..., str], stage: Stage) -> dict[str, str | Sequence[str]]:
    """Outputs of stage `training_curves`, whose picture is in the report under the name of its training.

    Args:
        report: Snakemake's function of that name.
        stage: the stage, whose wildcard `training` is dataset, split, run and seed as a path.
    """
    marked = report(
        stage.outputs["png_path"],
        caption="../report/training_curves.rst",
        category=TRAINING_CURVES,
        labels=lambda w: {"Result": as_label(f"Training curves. {', '.join(w.training.split('/'))}")},
    )
    return {**stage.outputs, "png_path": marked}


def with_folders(directory: Callable[..., str], stage: Stage) -> dict[str, str | Sequence[str]]:
    """Outputs of a stage, of which a recogniser, or the event files of a training where asked for, are a folder.

    Args:
        directory: Snakemake's function of that name.
        stage: `pretrain_spatial`, `pretrain` or `recognizer`.
    """
    (name,) = {"tensorboard_path", "recognizer_path"} & stage.outputs.keys()
    folder = stage.outputs[name]
    return {**stage.outputs, name: directory(folder) if folder else []}


def in_report(report: Callable[..., str], config: Config, stage: Stage, shown: str) -> dict[str, str | Sequence[str]]:
    """Outputs of a stage, of which `shown` is in the report, under its section of the paper and with its caption.

    Args:
        report: Snakemake's function of that name.
        config: the configuration.
        stage: `table` or `figure`, whose wildcard is named like it.
        shown: name of the output.
    """

    def caption(wildcards: Wildcards) -> tuple[str, Caption]:
        name = getattr(wildcards, stage.name)
        if stage.name == "table":
            return name, table_caption(name)
        return name, config.figures[name].caption()

    marked = report(
        stage.outputs[shown],
        caption=f"../report/{stage.name}.rst",
        category=lambda w: caption(w)[1].section,
        labels=lambda w: {"Result": as_label(heading(*caption(w)))},
    )
    return {**stage.outputs, shown: marked}
