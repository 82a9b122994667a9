"""Snakemake adapter of the stage `simulate_home`."""

from detach_core.stages.simulate_home import simulate_home

simulate_home(
    dataset=snakemake.wildcards.dataset,
    settings=snakemake.params.settings,
    shard=snakemake.wildcards.shard,
    recordings=list(snakemake.params.recordings),
    root_path=snakemake.params.root,
    manifest_path=snakemake.output.manifest,
    log_path=snakemake.log[0],
)
