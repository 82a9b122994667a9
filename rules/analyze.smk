"""Look into trained networks. Nothing here trains.

Consumes  {dataset}/windows.h5, {dataset}/{split}/split.json, {dataset}/{split}/{variant}/seed{seed}/checkpoint.safetensors, snapshots.safetensors
Produces  {dataset}/{split}/{variant}/seed{seed}/negative_pairs.h5, activation_maps.h5, and on request history.png of its history.jsonl
"""


rule negative_pairs:
    """Measure similarity and weight of negative pairs at each snapshot."""
    input:
        windows=WINDOWS,
        split=SPLIT,
        checkpoint=f"{RUN}/checkpoint.safetensors",
        snapshots=f"{RUN}/snapshots.safetensors",
    output:
        pairs=f"{RUN}/negative_pairs.h5",
    log:
        f"{RUN}/negative_pairs.log",
    benchmark:
        f"{RUN}/negative_pairs.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: THREADS
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(60),
        gpu=GPUS,
    params:
        settings=lambda w: CONFIG.negative_pairs(w.variant),
        code=CODE.of_stage("negative_pairs", "detach"),
    script:
        "../workflow_scripts/negative_pairs.py"


rule activation_maps:
    """See where in the picture the networks answer."""
    input:
        windows=WINDOWS,
        split=SPLIT,
        checkpoint=f"{RUN}/checkpoint.safetensors",
        baseline=f"{RUN}/checkpoint.safetensors".replace("{variant}", CONFIG.document.analysis.maps.baseline),
    output:
        maps=f"{RUN}/activation_maps.h5",
    log:
        f"{RUN}/activation_maps.log",
    benchmark:
        f"{RUN}/activation_maps.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: THREADS
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(60),
        gpu=GPUS,
    params:
        settings=lambda w: CONFIG.activation_maps(w.dataset, w.variant),
        code=CODE.of_stage("activation_maps"),
    script:
        "../workflow_scripts/activation_maps.py"


rule training_curves:
    """Plot what each epoch of a training reported."""
    input:
        history=f"{RUN}/history.jsonl",
    output:
        png=f"{RUN}/history.png",
    log:
        f"{RUN}/training_curves.log",
    benchmark:
        f"{RUN}/training_curves.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(15),
    params:
        code=CODE.of_stage("training_curves"),
    script:
        "../workflow_scripts/training_curves.py"
