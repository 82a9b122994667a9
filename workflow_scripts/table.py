"""Snakemake adapter of the stage `table`."""

from detach_core.stages.table import table

table(
    name=snakemake.wildcards.table,
    settings=snakemake.params.settings,
    metrics_paths=list(snakemake.input.metrics),
    windows_paths=list(snakemake.input.windows),
    split_paths=list(snakemake.input.splits),
    csv_path=snakemake.output.csv,
    log_path=snakemake.log[0],
)
