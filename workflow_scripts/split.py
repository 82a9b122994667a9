"""Snakemake adapter of the stage `split`."""

from detach_core.stages.split import split

split(
    settings=snakemake.params.settings,
    windows_path=snakemake.input.windows,
    split_path=snakemake.output.split,
    log_path=snakemake.log[0],
)
