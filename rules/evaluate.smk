"""Embed all windows with a frozen encoder and probe the embeddings.

Consumes  {dataset}/windows.h5, {dataset}/{split}/split.json, {dataset}/{split}/{variant}/seed{seed}/checkpoint.safetensors
          and those of {variant}+{n}, of which the probe of {variant} chooses in each fold
Produces  {dataset}/{split}/{variant}/seed{seed}/embeddings.h5, metrics.json
"""


rule embed:
    """Embed every window with a pretrained encoder."""
    input:
        windows=WINDOWS,
        split=SPLIT,
        checkpoint=f"{RUN}/checkpoint.safetensors",
    output:
        embeddings=f"{RUN}/embeddings.h5",
    log:
        f"{RUN}/embed.log",
    benchmark:
        f"{RUN}/embed.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: THREADS
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(60),
        gpu=GPUS,
    params:
        settings=lambda w: CONFIG.embedding(w.variant),
        code=lambda w: CODE.of_stage("embed", CONFIG.variant(w.variant).method),
    script:
        "../workflow_scripts/embed.py"


rule probe:
    """Train a linear classifier on frozen embeddings and measure it."""
    input:
        windows=WINDOWS,
        split=SPLIT,
        embeddings=lambda w: [f"{RUN}/embeddings.h5".replace("{variant}", run) for run in CONFIG.candidates(w.variant)],
    output:
        metrics=f"{RUN}/metrics.json",
    log:
        f"{RUN}/probe.log",
    benchmark:
        f"{RUN}/probe.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: THREADS
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(60),
    params:
        settings=lambda w: CONFIG.probing(w.variant),
        code=CODE.of_stage("probe"),
    script:
        "../workflow_scripts/probe.py"
