"""Get raw files in the datasets' native formats. Your own folder (`source: local`) is read where it lies.

Consumes  nothing
Produces  data/simulated/{dataset}/ with {shard}.json, or data/downloaded/{dataset}/ with download.json
"""


rule simulate_home:
    """Simulate recordings of a home and write them as the dataset's native files."""
    output:
        manifest="data/simulated/{dataset}/{shard}.json",
    log:
        f"{SHARD}/simulate_home.log",
    benchmark:
        f"{SHARD}/simulate_home.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(1500),
        runtime=more_each_attempt(120),
    params:
        settings=lambda w: CONFIG.simulate_home(w.dataset),
        recordings=lambda w: CONFIG.shards(w.dataset)[w.shard],
        root="data/simulated/{dataset}",
        code=CODE.of_stage("simulate_home"),
    script:
        "../workflow_scripts/simulate_home.py"


rule download:
    """Fetch, verify and unpack a dataset's files."""
    output:
        manifest="data/downloaded/{dataset}/download.json",
    log:
        "results/{dataset}/download.log",
    benchmark:
        "results/{dataset}/download.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(1000),
        runtime=more_each_attempt(1440),
    params:
        settings=lambda w: CONFIG.download(w.dataset),
        root="data/downloaded/{dataset}",
        code=CODE.of_stage("download"),
    script:
        "../workflow_scripts/download.py"
