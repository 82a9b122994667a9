"""Snakemake adapter of the stage `training_curves`."""

from detach_core.stages.training_curves import training_curves

training_curves(
    history_path=snakemake.input.history,
    png_path=snakemake.output.png,
    log_path=snakemake.log[0],
)
