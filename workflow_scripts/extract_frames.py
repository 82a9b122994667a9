"""Snakemake adapter of the stage `extract_frames`."""

from detach_core.stages.extract_frames import extract_frames

extract_frames(
    dataset=snakemake.wildcards.dataset,
    settings=snakemake.params.settings,
    recordings=list(snakemake.params.recordings),
    root_path=snakemake.params.root,
    frames_path=snakemake.output.frames,
    log_path=snakemake.log[0],
)
