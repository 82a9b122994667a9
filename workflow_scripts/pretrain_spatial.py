"""Snakemake adapter of the stage `pretrain_spatial`."""

from detach_core.stages.pretrain_spatial import pretrain_spatial

pretrain_spatial(
    settings=snakemake.params.settings,
    windows_path=snakemake.input.windows,
    split_path=snakemake.input.split,
    checkpoint_path=snakemake.output.checkpoint,
    history_path=snakemake.output.history,
    assignments_path=snakemake.output.assignments,
    seed=int(snakemake.wildcards.seed),
    log_path=snakemake.log[0],
)
