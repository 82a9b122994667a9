"""Command `suggest`: the windows whose labels would help most, and the probe of the labels that a person gave."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from detach_core.foundation.errors import UserError


def command(
    run: Annotated[Path, typer.Argument(help="A run's folder, results/{dataset}/{split}/{variant}/seed{n}.")],
    count: Annotated[int, typer.Option(min=1, max=10_000, help="Windows to suggest.")] = 28,
    out: Annotated[Path, typer.Option(help="The table to write; the page stands beside it.")] = Path("suggestions.csv"),
    classifier: Annotated[
        Path | None,
        typer.Option(help="The current probe, such as one of an earlier --fit; else the run's own, if any."),
    ] = None,
    fit: Annotated[
        Path | None, typer.Option(help="A filled table: fit the probe, and write classifier.safetensors beside it.")
    ] = None,
) -> None:
    """List the windows whose labels would help most, or fit the probe on the labels that you gave them.

    One window of each cluster comes first, then those of which the probe is least certain, spread over recordings.

    Examples: detach suggest results/opportunity/default/best/seed0 --count 28;
    detach suggest results/opportunity/default/best/seed0 --fit filled.csv
    """
    from detach_core.contracts.embeddings import read_embeddings
    from detach_core.stages.suggest import fit_labels, own_classifier, read_inputs, suggest

    embeddings, split, windows = run / "embeddings.h5", run.parents[1] / "split.json", run.parents[2] / "windows.h5"
    for path in (embeddings, split, windows):
        if not path.is_file():
            raise UserError(
                f"{path}: found nothing, expected a run with embeddings; name the folder"
                " results/{dataset}/{split}/{variant}/seed{n}, and make it first (./run snakemake"
                f" {embeddings})"
            )
    if fit is not None:
        target = fit.resolve().parent / "classifier.safetensors"
        made = fit_labels(fit, read_inputs(windows, split, embeddings), target)
        typer.echo(f"{target}: a probe of {len(made.class_names)} classes: {', '.join(made.class_names)}")
        typer.echo(f"In Python: detach_core.load({str(run)!r}, classifier={str(target)!r})")
        return
    suggest(
        num_windows=count,
        windows_path=windows,
        split_path=split,
        embeddings_path=embeddings,
        classifier_path=classifier or own_classifier(run, read_embeddings(embeddings)),
        csv_path=out,
        page_path=out.with_suffix(".html"),
        log_path=out.with_suffix(".log"),
    )
