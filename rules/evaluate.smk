"""Embed all windows with a frozen encoder and probe the embeddings.

Consumes  {dataset}/windows.h5, {dataset}/{split}/split.json, {dataset}/{split}/{variant}/seed{seed}/checkpoint.safetensors
          and those of {variant}+{n}, among which the probe of {variant} selects in each fold
Produces  {dataset}/{split}/{variant}/seed{seed}/embeddings.h5, metrics.json, classifier.safetensors, label_curve.json
          and the folder recognizer, the run as a recogniser that needs the sensors alone
"""

from detach_core.workflow.session import with_folders


rule embed:
    """Embed every window with a pretrained encoder."""
    input:
        **STAGES["embed"].inputs,
    output:
        **STAGES["embed"].outputs,
    log:
        STAGES["embed"].log,
    benchmark:
        STAGES["embed"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: THREADS
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(60),
        gpu=GPUS,
    params:
        **STAGES["embed"].params,
        code=lambda w: CODE.of_stage("embed", CONFIG.variant(w.variant).method),
    script:
        "../workflow_scripts/run_stage.py"


rule probe:
    """Train a linear classifier on frozen embeddings and measure it."""
    input:
        **STAGES["probe"].inputs,
    output:
        **STAGES["probe"].outputs,
    log:
        STAGES["probe"].log,
    benchmark:
        STAGES["probe"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: THREADS
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(60),
    params:
        **STAGES["probe"].params,
        code=CODE.of_stage("probe"),
    script:
        "../workflow_scripts/run_stage.py"


rule recognizer:
    """Make a recogniser that needs the sensors alone, calibrated on windows that the probe has not seen."""
    input:
        **STAGES["recognizer"].inputs,
    output:
        **with_folders(directory, STAGES["recognizer"]),
    log:
        STAGES["recognizer"].log,
    benchmark:
        STAGES["recognizer"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: THREADS
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(30),
    params:
        **STAGES["recognizer"].params,
        code=lambda w: CODE.of_stage("recognizer", CONFIG.variant(CONFIG.trained(w.variant)).method),
    script:
        "../workflow_scripts/run_stage.py"


rule label_curve:
    """Measure classifiers of frozen embeddings that know few labels, of the sensors or of the video."""
    input:
        **STAGES["label_curve"].inputs,
    output:
        **STAGES["label_curve"].outputs,
    log:
        STAGES["label_curve"].log,
    benchmark:
        STAGES["label_curve"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: THREADS
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(60),
    params:
        **STAGES["label_curve"].params,
        code=CODE.of_stage("label_curve"),
    script:
        "../workflow_scripts/run_stage.py"
