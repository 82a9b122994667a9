"""Snakemake adapter of the stage `flow`."""

from detach_core.stages.flow import flow

flow(
    settings=snakemake.params.settings,
    frames_path=snakemake.input.frames,
    flow_path=snakemake.output.flow,
    log_path=snakemake.log[0],
)
