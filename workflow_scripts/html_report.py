"""Snakemake adapter of the stage `html_report`."""

from detach_core.stages.html_report import html_report

html_report(
    settings=snakemake.params.settings,
    snakefile=snakemake.params.snakefile,
    target_paths=[*snakemake.input.tables, *snakemake.input.figures],
    report_path=snakemake.output.report,
    log_path=snakemake.log[0],
)
