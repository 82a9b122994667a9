"""Snakemake adapter of the stage `download`."""

from detach_core.stages.download import download

download(
    settings=snakemake.params.settings,
    root_path=snakemake.params.root,
    manifest_path=snakemake.output.manifest,
    log_path=snakemake.log[0],
)
