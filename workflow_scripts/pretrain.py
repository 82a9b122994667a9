"""Snakemake adapter of the stage `pretrain`."""

from detach_core.stages.pretrain import pretrain

pretrain(
    settings=snakemake.params.settings,
    windows_path=snakemake.input.windows,
    split_path=snakemake.input.split,
    spatial_path=snakemake.input.get("spatial") or None,
    checkpoint_path=snakemake.output.checkpoint,
    history_path=snakemake.output.history,
    snapshots_path=snakemake.output.snapshots,
    seed=int(snakemake.wildcards.seed),
    log_path=snakemake.log[0],
)
