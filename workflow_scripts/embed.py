"""Snakemake adapter of the stage `embed`."""

from detach_core.stages.embed import embed

embed(
    settings=snakemake.params.settings,
    windows_path=snakemake.input.windows,
    split_path=snakemake.input.split,
    checkpoint_path=snakemake.input.checkpoint,
    embeddings_path=snakemake.output.embeddings,
    log_path=snakemake.log[0],
)
