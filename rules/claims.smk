"""Decide what the figures are worth.

Consumes  {dataset}/windows.h5, {dataset}/{split}/{variant}/seed{seed}/metrics.json, embeddings.h5, negative_pairs.h5,
          {dataset}/{split}/spatial/{spatial}/seed{seed}/assignments.h5
Produces  claims.csv, significance.csv, each with .md, .tex, .html
"""

from detach_core.config.evidence import claim_keys, claim_settings, significance_keys, significance_settings

EVIDENCE_FILES = {
    "metrics": f"{RUN}/metrics.json",
    "embeddings": f"{RUN}/embeddings.h5",
    "negative_pairs": f"{RUN}/negative_pairs.h5",
    "assignments": f"{SPATIAL}/assignments.h5",
}


def evidence_files(keys):
    """The file of each key, in order."""
    return [
        EVIDENCE_FILES[key.kind].format(
            dataset=key.dataset, split=key.split, variant=key.name, spatial=key.name, seed=key.seed
        )
        for key in keys
    ]


rule claims:
    """Hold each claim against its threshold."""
    input:
        artifacts=lambda w: evidence_files(claim_keys(CONFIG)),
        windows=lambda w: expand(WINDOWS, dataset=sorted({key.dataset for key in claim_keys(CONFIG)})),
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
        mem_mb=4000,
        runtime=60,
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
        mem_mb=4000,
        runtime=60,
    params:
        settings=lambda w: significance_settings(CONFIG),
        code=CODE.of_stage("significance"),
    script:
        "../workflow_scripts/significance.py"
