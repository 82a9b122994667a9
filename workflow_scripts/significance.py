"""Snakemake adapter of the stage `significance`."""

from detach_core.stages.significance import significance

significance(
    settings=snakemake.params.settings,
    metrics_paths=list(snakemake.input.metrics),
    csv_path=snakemake.output.csv,
    log_path=snakemake.log[0],
)
