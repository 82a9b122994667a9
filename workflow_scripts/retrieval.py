"""Snakemake adapter of the stage `retrieval`."""

from detach_core.stages.retrieval import retrieval

retrieval(
    settings=snakemake.params.settings,
    windows_paths=list(snakemake.input.windows),
    split_paths=list(snakemake.input.splits),
    embeddings_paths=list(snakemake.input.embeddings),
    csv_path=snakemake.output.csv,
    log_path=snakemake.log[0],
)
