"""Snakemake adapter of the stage `results_page`."""

from detach_core.stages.results_page import results_page

results_page(
    table_paths=list(snakemake.input.tables),
    figure_paths=list(snakemake.input.figures),
    page_path=snakemake.params.page,
    done_path=snakemake.output.done,
    log_path=snakemake.log[0],
)
