"""Snakemake adapter of the stage `claims`."""

from detach_core.stages.claims import claims

claims(
    settings=snakemake.params.settings,
    artifact_paths=list(snakemake.input.artifacts),
    windows_paths=list(snakemake.input.windows),
    split_paths=list(snakemake.input.splits),
    csv_path=snakemake.output.csv,
    log_path=snakemake.log[0],
)
