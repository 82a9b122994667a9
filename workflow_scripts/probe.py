"""Snakemake adapter of the stage `probe`."""

from detach_core.stages.probe import probe

probe(
    settings=snakemake.params.settings,
    windows_path=snakemake.input.windows,
    split_path=snakemake.input.split,
    embeddings_paths=list(snakemake.input.embeddings),
    metrics_path=snakemake.output.metrics,
    log_path=snakemake.log[0],
)
