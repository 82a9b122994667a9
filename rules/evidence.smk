"""Decide what the figures are worth, and measure what the paper's tables do not show.

Consumes  {dataset}/windows.h5, {dataset}/{split}/split.json, {dataset}/{split}/{variant}/seed{seed}/metrics.json, embeddings.h5,
          negative_pairs.h5, {dataset}/{split}/spatial/{spatial}/seed{seed}/assignments.h5
Produces  claims.csv, significance.csv, retrieval.csv, each with .md, .tex, .html
"""


rule claims:
    """Hold each claim against its threshold."""
    input:
        artifacts=lambda w: evidence_files(claim_keys(CONFIG)),
        windows=lambda w: expand(WINDOWS, dataset=sorted({key.dataset for key in claim_keys(CONFIG)})),
        splits=lambda w: [SPLIT.format(dataset=dataset, split=split) for dataset, split in claim_splits(CONFIG)],
    output:
        csv="results/claims.csv",
        md="results/claims.md",
        tex="results/claims.tex",
        html="results/claims.html",
    log:
        "results/logs/claims.log",
    benchmark:
        "results/logs/claims.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(4000),
        runtime=more_each_attempt(60),
    params:
        settings=lambda w: claim_settings(CONFIG),
        code=CODE.of_stage("claims"),
    script:
        "../workflow_scripts/claims.py"


rule significance:
    """Compare every row with the reference on the same tested units."""
    input:
        metrics=lambda w: evidence_files(significance_keys(CONFIG)),
    output:
        csv="results/significance.csv",
        md="results/significance.md",
        tex="results/significance.tex",
        html="results/significance.html",
    log:
        "results/logs/significance.log",
    benchmark:
        "results/logs/significance.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(4000),
        runtime=more_each_attempt(60),
    params:
        settings=lambda w: significance_settings(CONFIG),
        code=CODE.of_stage("significance"),
    script:
        "../workflow_scripts/significance.py"


rule retrieval:
    """Search windows across modalities: the video by the sensors, the sensors by the video."""
    input:
        windows=trained_files(WINDOWS),
        splits=trained_files(SPLIT),
        embeddings=trained_files(f"{RUN}/embeddings.h5"),
    output:
        csv="results/retrieval.csv",
        md="results/retrieval.md",
        tex="results/retrieval.tex",
        html="results/retrieval.html",
    log:
        "results/logs/retrieval.log",
    benchmark:
        "results/logs/retrieval.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(15),
    params:
        settings=lambda w: retrieval_settings(CONFIG),
        code=CODE.of_stage("retrieval"),
    script:
        "../workflow_scripts/retrieval.py"
