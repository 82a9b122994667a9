"""Gather figures into tables, draw what the networks learned, and put all of it on pages.

Consumes  {dataset}/windows.h5, {dataset}/{split}/split.json, {dataset}/{split}/{variant}/seed{seed}/metrics.json, embeddings.h5,
          negative_pairs.h5, activation_maps.h5, history.png, {dataset}/{split}/spatial/{spatial}/seed{seed}/history.jsonl, history.png
Produces  {table}.csv, .md, .tex, .html, .parquet, figures/{figure}.csv, .md, .pdf, .png, .parquet, report.html,
          lists/{table}/predictions.parquet, metrics.parquet, classes.parquet, embeddings.parquet,
          inference/{dataset}/{split}/{variant}/seed{seed}/{recording}/timeline.html,
          inference/{dataset}/{split}/{variant}/seed{seed}/suggestions.csv, suggestions.html
"""

from pathlib import Path

from detach_core.workflow.session import in_report
from detach_core.workflow.artifacts import figure_files


report: "../report/workflow.rst"


localrules:
    html_report,
    readme_table,
    results_page,


rule table:
    """Gather a table's figures."""
    input:
        **STAGES["table"].inputs,
    output:
        **in_report(report, CONFIG, STAGES["table"], "html"),
    log:
        STAGES["table"].log,
    benchmark:
        STAGES["table"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(1000),
        runtime=more_each_attempt(15),
    params:
        **STAGES["table"].params,
        code=CODE.of_stage("table"),
    script:
        "../workflow_scripts/run_stage.py"


rule lists:
    """List predictions, metrics and embedded windows of a table's runs."""
    input:
        **STAGES["lists"].inputs,
    output:
        **STAGES["lists"].outputs,
    log:
        STAGES["lists"].log,
    benchmark:
        STAGES["lists"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(30),
    params:
        **STAGES["lists"].params,
        code=CODE.of_stage("lists"),
    script:
        "../workflow_scripts/run_stage.py"


rule figure:
    """Draw a figure, and write the numbers that it plots."""
    input:
        unpack(lambda w: figure_files(CONFIG, w.figure)),
    output:
        **in_report(report, CONFIG, STAGES["figure"], "png"),
    log:
        STAGES["figure"].log,
    benchmark:
        STAGES["figure"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(15),
    params:
        **STAGES["figure"].params,
        code=CODE.of_stage("figure"),
    script:
        "../workflow_scripts/run_stage.py"


rule timeline:
    """Show a recording's video, sensors, clusters and predictions on one time axis."""
    input:
        **STAGES["timeline"].inputs,
    output:
        **STAGES["timeline"].outputs,
    log:
        STAGES["timeline"].log,
    benchmark:
        STAGES["timeline"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(60),
    params:
        **STAGES["timeline"].params,
        code=CODE.of_stage("timeline"),
    script:
        "../workflow_scripts/run_stage.py"


rule suggest:
    """List the windows whose labels would help most, with a page to look at them."""
    input:
        **STAGES["suggest"].inputs,
    output:
        **STAGES["suggest"].outputs,
    log:
        STAGES["suggest"].log,
    benchmark:
        STAGES["suggest"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(15),
    params:
        **STAGES["suggest"].params,
        code=CODE.of_stage("suggest"),
    script:
        "../workflow_scripts/run_stage.py"


rule html_report:
    """Put tables, figures, training curves, the rule graph and the run's statistics into one offline page."""
    input:
        **STAGES["html_report"].inputs,
        captions=sorted(Path(HOME, "report").glob("*.rst")),
    output:
        **STAGES["html_report"].outputs,
    log:
        STAGES["html_report"].log,
    benchmark:
        STAGES["html_report"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(1000),
        runtime=more_each_attempt(15),
    params:
        **STAGES["html_report"].params,
        code=CODE.of_stage("html_report"),
    script:
        "../workflow_scripts/run_stage.py"


rule readme_table:
    """Write the short form of Table 1 into the README."""
    input:
        **STAGES["readme_table"].inputs,
    output:
        **STAGES["readme_table"].outputs,
    log:
        STAGES["readme_table"].log,
    benchmark:
        STAGES["readme_table"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(500),
        runtime=more_each_attempt(5),
    params:
        **STAGES["readme_table"].params,
        code=CODE.of_stage("readme_table"),
    script:
        "../workflow_scripts/run_stage.py"


rule results_page:
    """Write the tables and figures of the default run into docs/results.md."""
    input:
        **STAGES["results_page"].inputs,
    output:
        **STAGES["results_page"].outputs,
    log:
        STAGES["results_page"].log,
    benchmark:
        STAGES["results_page"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(500),
        runtime=more_each_attempt(5),
    params:
        **STAGES["results_page"].params,
        code=CODE.of_stage("results_page"),
    script:
        "../workflow_scripts/run_stage.py"
