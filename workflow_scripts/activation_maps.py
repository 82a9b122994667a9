"""Snakemake adapter of the stage `activation_maps`."""

from detach_core.stages.activation_maps import activation_maps

activation_maps(
    settings=snakemake.params.settings,
    windows_path=snakemake.input.windows,
    split_path=snakemake.input.split,
    checkpoint_path=snakemake.input.checkpoint,
    baseline_path=snakemake.input.baseline,
    maps_path=snakemake.output.maps,
    log_path=snakemake.log[0],
)
