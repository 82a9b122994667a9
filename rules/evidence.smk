"""Test the paper's claims and the differences between rows, and measure retrieval and the worth of few labels.

Consumes  {dataset}/windows.h5, {dataset}/{split}/split.json, {dataset}/{split}/{variant}/seed{seed}/metrics.json, embeddings.h5,
          label_curve.json, negative_pairs.h5, {dataset}/{split}/spatial/{spatial}/seed{seed}/assignments.h5
Produces  claims.csv, significance.csv, retrieval.csv, few_labels.csv, few_labels_significance.csv, each with .md, .tex, .html, .parquet
"""


rule claims:
    """Hold each claim against its threshold."""
    input:
        **STAGES["claims"].inputs,
    output:
        **STAGES["claims"].outputs,
    log:
        STAGES["claims"].log,
    benchmark:
        STAGES["claims"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(4000),
        runtime=more_each_attempt(60),
    params:
        **STAGES["claims"].params,
        code=CODE.of_stage("claims"),
    script:
        "../workflow_scripts/run_stage.py"


rule significance:
    """Compare every row with the reference on the same tested units."""
    input:
        **STAGES["significance"].inputs,
    output:
        **STAGES["significance"].outputs,
    log:
        STAGES["significance"].log,
    benchmark:
        STAGES["significance"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(4000),
        runtime=more_each_attempt(60),
    params:
        **STAGES["significance"].params,
        code=CODE.of_stage("significance"),
    script:
        "../workflow_scripts/run_stage.py"


rule retrieval:
    """Search windows across modalities: the video by the sensors, the sensors by the video."""
    input:
        **STAGES["retrieval"].inputs,
    output:
        **STAGES["retrieval"].outputs,
    log:
        STAGES["retrieval"].log,
    benchmark:
        STAGES["retrieval"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(15),
    params:
        **STAGES["retrieval"].params,
        code=CODE.of_stage("retrieval"),
    script:
        "../workflow_scripts/run_stage.py"


rule few_labels:
    """Gather the label curves of Table 1's trainings into a table, and compare them."""
    input:
        **STAGES["few_labels"].inputs,
    output:
        **STAGES["few_labels"].outputs,
    log:
        STAGES["few_labels"].log,
    benchmark:
        STAGES["few_labels"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(15),
    params:
        **STAGES["few_labels"].params,
        code=CODE.of_stage("few_labels"),
    script:
        "../workflow_scripts/run_stage.py"
