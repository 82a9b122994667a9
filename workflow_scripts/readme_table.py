"""Snakemake adapter of the stage `readme_table`."""

from detach_core.stages.readme_table import readme_table

readme_table(
    table_path=snakemake.input.table,
    readme_path=snakemake.params.readme,
    done_path=snakemake.output.done,
    log_path=snakemake.log[0],
)
