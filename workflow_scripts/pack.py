"""Snakemake adapter of the stage `pack`."""

from detach_core.stages.pack import pack

pack(
    dataset=snakemake.wildcards.dataset,
    settings=snakemake.params.settings,
    sensor_paths=list(snakemake.input.sensors),
    frames_paths=list(snakemake.input.frames),
    flow_paths=list(snakemake.input.flows),
    windows_path=snakemake.output.windows,
    log_path=snakemake.log[0],
)
