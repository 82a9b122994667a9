"""Snakemake adapter of the stage `negative_pairs`."""

from detach_core.stages.negative_pairs import negative_pairs

negative_pairs(
    settings=snakemake.params.settings,
    windows_path=snakemake.input.windows,
    split_path=snakemake.input.split,
    checkpoint_path=snakemake.input.checkpoint,
    snapshots_path=snakemake.input.snapshots,
    pairs_path=snakemake.output.pairs,
    log_path=snakemake.log[0],
)
