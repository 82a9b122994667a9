"""Gather figures into tables.

Consumes  {dataset}/windows.h5, {dataset}/{split}/split.json, {dataset}/{split}/{variant}/seed{seed}/metrics.json
Produces  {table}.csv, {table}.md, {table}.tex
"""


rule table:
    """Gather a table's figures."""
    input:
        metrics=table_files(f"{RUN}/metrics.json"),
        windows=table_files(WINDOWS),
        splits=table_files(SPLIT),
    output:
        csv="results/{table}.csv",
        md="results/{table}.md",
        tex="results/{table}.tex",
    log:
        "results/logs/{table}/table.log",
    benchmark:
        "results/logs/{table}/table.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        settings=lambda w: CONFIG.table(w.table),
        code=CODE.of_stage("table"),
    script:
        "../workflow_scripts/table.py"


rule readme_table:
    """Write Table 1 of the default run into the README."""
    input:
        table="results/table1.md",
    output:
        done="results/readme_table.done",
    log:
        "results/logs/readme_table.log",
    benchmark:
        "results/logs/readme_table.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        readme=f"{workflow.basedir}/README.md",
        code=CODE.of_stage("readme_table"),
    script:
        "../workflow_scripts/readme_table.py"
