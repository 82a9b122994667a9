"""Gather figures into tables, draw what the networks learned, and put all of it on pages.

Consumes  {dataset}/windows.h5, {dataset}/{split}/split.json, {dataset}/{split}/{variant}/seed{seed}/metrics.json, embeddings.h5,
          negative_pairs.h5, activation_maps.h5, {dataset}/{split}/spatial/{spatial}/seed{seed}/history.jsonl
Produces  {table}.csv, {table}.md, {table}.tex, {table}.html, figures/{figure}.csv, {figure}.md, {figure}.pdf, {figure}.png, report.html
"""

import os
from pathlib import Path

from detach_core.config.section import canonical


include: "captions.smk"


report: "../report/workflow.rst"


# Relative, so that a job is the same job in another clone beside the same results.
HOME = os.path.relpath(workflow.basedir)


localrules:
    html_report,
    readme_table,
    results_page,


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
        html=in_report("results/{table}.html", "table"),
    log:
        "results/logs/{table}/table.log",
    benchmark:
        "results/logs/{table}/table.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(1000),
        runtime=more_each_attempt(15),
    params:
        settings=lambda w: CONFIG.table(w.table),
        code=CODE.of_stage("table"),
    script:
        "../workflow_scripts/table.py"


rule figure:
    """Draw a figure, and write the numbers that it plots."""
    input:
        unpack(figure_files),
    output:
        csv="results/figures/{figure}.csv",
        md="results/figures/{figure}.md",
        pdf="results/figures/{figure}.pdf",
        png=in_report("results/figures/{figure}.png", "figure"),
    log:
        "results/logs/{figure}/figure.log",
    benchmark:
        "results/logs/{figure}/figure.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(15),
    params:
        settings=lambda w: CONFIG.figure(w.figure),
        code=CODE.of_stage("figure"),
    script:
        "../workflow_scripts/figure.py"


rule html_report:
    """Put tables, figures, the rule graph and the run's statistics into one offline page."""
    input:
        tables=expand("results/{table}.html", table=CONFIG.document.tables),
        figures=expand("results/figures/{figure}.png", figure=CONFIG.document.figures),
        captions=sorted(Path(HOME, "report").glob("*.rst")),
    output:
        report="results/report.html",
    log:
        "results/logs/html_report.log",
    benchmark:
        "results/logs/html_report.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(1000),
        runtime=more_each_attempt(15),
    params:
        settings=lambda w: canonical(config),
        snakefile=os.path.relpath(workflow.main_snakefile),
        code=CODE.of_stage("html_report"),
    script:
        "../workflow_scripts/html_report.py"


rule readme_table:
    """Write the short form of Table 1 into the README."""
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
        mem_mb=more_each_attempt(500),
        runtime=more_each_attempt(5),
    params:
        readme=f"{HOME}/README.md",
        code=CODE.of_stage("readme_table"),
    script:
        "../workflow_scripts/readme_table.py"


rule results_page:
    """Write the tables and figures of the default run into docs/results.md."""
    input:
        tables=expand("results/{table}.md", table=CONFIG.document.tables),
        figures=expand("results/figures/{figure}.md", figure=CONFIG.document.figures),
    output:
        done="results/results_page.done",
    log:
        "results/logs/results_page.log",
    benchmark:
        "results/logs/results_page.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(500),
        runtime=more_each_attempt(5),
    params:
        page=f"{HOME}/docs/results.md",
        code=CODE.of_stage("results_page"),
    script:
        "../workflow_scripts/results_page.py"
