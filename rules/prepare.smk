"""Turn raw files into windows and a split.

Consumes  raw files and their manifest
Produces  {dataset}/shards/{shard}/sensor.h5, frames.h5, flow.h5, {dataset}/windows.h5, {dataset}/{split}/split.json
"""


rule ingest:
    """Read sensors and annotations of a shard's recordings."""
    input:
        raw=raw_files("sensor", "video", "annotation"),
    output:
        sensor=f"{SHARD}/sensor.h5",
    log:
        f"{SHARD}/ingest.log",
    benchmark:
        f"{SHARD}/ingest.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(60),
    params:
        settings=lambda w: CONFIG.ingest(w.dataset),
        recordings=lambda w: CONFIG.shards(w.dataset)[w.shard],
        root=lambda w: CONFIG.raw_root(w.dataset),
        raw=raw_fingerprints("sensor", "video", "annotation"),
        code=CODE.of_stage("ingest"),
    script:
        "../workflow_scripts/ingest.py"


rule extract_frames:
    """Decode a shard's videos into small frames."""
    input:
        raw=raw_files("video"),
    output:
        frames=f"{SHARD}/frames.h5",
    log:
        f"{SHARD}/extract_frames.log",
    benchmark:
        f"{SHARD}/extract_frames.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(240),
    params:
        settings=lambda w: CONFIG.extract_frames(w.dataset),
        recordings=lambda w: CONFIG.shards(w.dataset)[w.shard],
        root=lambda w: CONFIG.raw_root(w.dataset),
        raw=raw_fingerprints("video"),
        code=CODE.of_stage("extract_frames"),
    script:
        "../workflow_scripts/extract_frames.py"


rule flow:
    """Compute the optical flow between a shard's frames."""
    input:
        frames=f"{SHARD}/frames.h5",
    output:
        flow=f"{SHARD}/flow.h5",
    log:
        f"{SHARD}/flow.log",
    benchmark:
        f"{SHARD}/flow.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(240),
    params:
        settings=lambda w: CONFIG.flow(w.dataset),
        code=CODE.of_stage("flow"),
    script:
        "../workflow_scripts/flow.py"


rule pack:
    """Cut a dataset's recordings into paired windows."""
    input:
        sensors=shard_files("sensor.h5"),
        frames=shard_files("frames.h5"),
        flows=shard_files("flow.h5"),
    output:
        windows=WINDOWS,
    log:
        "results/{dataset}/pack.log",
    benchmark:
        "results/{dataset}/pack.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(60),
    params:
        settings=lambda w: CONFIG.pack(w.dataset),
        code=CODE.of_stage("pack"),
    script:
        "../workflow_scripts/pack.py"


rule split:
    """Choose who is pretrained on, evaluated on and held out, and measure what they share."""
    input:
        windows=WINDOWS,
    output:
        split=SPLIT,
    log:
        "results/{dataset}/{split}/split.log",
    benchmark:
        "results/{dataset}/{split}/split.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(30),
    params:
        settings=lambda w: CONFIG.split(w.dataset, w.split),
        code=CODE.of_stage("split"),
    script:
        "../workflow_scripts/split.py"
