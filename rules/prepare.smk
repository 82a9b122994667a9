"""Turn raw files into windows and a split.

Consumes  raw files and their manifest
Produces  {dataset}/shards/{shard}/sensor.h5, frames.h5, flow.h5, {dataset}/windows.h5, {dataset}/{split}/split.json
"""


rule ingest:
    """Read sensors and annotations of a shard's recordings."""
    input:
        **STAGES["ingest"].inputs,
    output:
        **STAGES["ingest"].outputs,
    log:
        STAGES["ingest"].log,
    benchmark:
        STAGES["ingest"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(60),
    params:
        **STAGES["ingest"].params,
        **STAGES["ingest"].triggers,
        code=CODE.of_stage("ingest"),
    script:
        "../workflow_scripts/run_stage.py"


rule extract_frames:
    """Decode a shard's videos into small frames."""
    input:
        **STAGES["extract_frames"].inputs,
    output:
        **STAGES["extract_frames"].outputs,
    log:
        STAGES["extract_frames"].log,
    benchmark:
        STAGES["extract_frames"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(240),
    params:
        **STAGES["extract_frames"].params,
        **STAGES["extract_frames"].triggers,
        code=CODE.of_stage("extract_frames"),
    script:
        "../workflow_scripts/run_stage.py"


rule flow:
    """Compute the optical flow between a shard's frames."""
    input:
        **STAGES["flow"].inputs,
    output:
        **STAGES["flow"].outputs,
    log:
        STAGES["flow"].log,
    benchmark:
        STAGES["flow"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(240),
    params:
        **STAGES["flow"].params,
        code=CODE.of_stage("flow"),
    script:
        "../workflow_scripts/run_stage.py"


rule pack:
    """Cut a dataset's recordings into paired windows."""
    input:
        **STAGES["pack"].inputs,
    output:
        **STAGES["pack"].outputs,
    log:
        STAGES["pack"].log,
    benchmark:
        STAGES["pack"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(60),
    params:
        **STAGES["pack"].params,
        code=CODE.of_stage("pack"),
    script:
        "../workflow_scripts/run_stage.py"


rule split:
    """Divide windows into pretraining, downstream and held-out parts, and measure their overlap."""
    input:
        **STAGES["split"].inputs,
    output:
        **STAGES["split"].outputs,
    log:
        STAGES["split"].log,
    benchmark:
        STAGES["split"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(30),
    params:
        **STAGES["split"].params,
        code=CODE.of_stage("split"),
    script:
        "../workflow_scripts/run_stage.py"
