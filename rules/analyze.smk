"""Analyse trained networks. Nothing here trains.

Consumes  {dataset}/windows.h5, {dataset}/{split}/split.json, {dataset}/{split}/{variant}/seed{seed}/checkpoint.safetensors, snapshots.safetensors
Produces  {dataset}/{split}/{variant}/seed{seed}/negative_pairs.h5, activation_maps.h5, and history.png beside any history.jsonl, Stage 1's too
"""

from detach_core.workflow.session import curves_in_report


rule negative_pairs:
    """Measure similarity and weight of negative pairs at each snapshot."""
    input:
        **STAGES["negative_pairs"].inputs,
    output:
        **STAGES["negative_pairs"].outputs,
    log:
        STAGES["negative_pairs"].log,
    benchmark:
        STAGES["negative_pairs"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: THREADS
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(60),
        gpu=GPUS,
    params:
        **STAGES["negative_pairs"].params,
        code=CODE.of_stage("negative_pairs", "detach"),
    script:
        "../workflow_scripts/run_stage.py"


rule activation_maps:
    """Map where in the picture the networks are active."""
    input:
        **STAGES["activation_maps"].inputs,
    output:
        **STAGES["activation_maps"].outputs,
    log:
        STAGES["activation_maps"].log,
    benchmark:
        STAGES["activation_maps"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: THREADS
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(60),
        gpu=GPUS,
    params:
        **STAGES["activation_maps"].params,
        code=CODE.of_stage("activation_maps"),
    script:
        "../workflow_scripts/run_stage.py"


rule training_curves:
    """Plot what each epoch of a training reported."""
    input:
        **STAGES["training_curves"].inputs,
    output:
        **curves_in_report(report, STAGES["training_curves"]),
    log:
        STAGES["training_curves"].log,
    benchmark:
        STAGES["training_curves"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(15),
    params:
        **STAGES["training_curves"].params,
        code=CODE.of_stage("training_curves"),
    script:
        "../workflow_scripts/run_stage.py"
