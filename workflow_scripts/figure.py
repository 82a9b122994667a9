"""Snakemake adapter of the stage `figure`."""

from detach_core.stages.figure import figure

figure(
    name=snakemake.wildcards.figure,
    settings=snakemake.params.settings,
    paths=dict(snakemake.input.items()),
    csv_path=snakemake.output.csv,
    log_path=snakemake.log[0],
)
