"""Snakemake adapter of the stage `ingest`."""

from detach_core.stages.ingest import ingest

ingest(
    dataset=snakemake.wildcards.dataset,
    settings=snakemake.params.settings,
    recordings=list(snakemake.params.recordings),
    root_path=snakemake.params.root,
    sensor_path=snakemake.output.sensor,
    log_path=snakemake.log[0],
)
