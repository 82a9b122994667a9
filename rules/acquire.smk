"""Get raw files in the datasets' native formats. Your own folder (`source: local`) is read where it lies.

Consumes  nothing
Produces  data/simulated/{dataset}/ with {shard}.json, or data/downloaded/{dataset}/ with download.json
"""


rule simulate_home:
    """Simulate recordings of a home and write them as the dataset's native files."""
    output:
        **STAGES["simulate_home"].outputs,
    log:
        STAGES["simulate_home"].log,
    benchmark:
        STAGES["simulate_home"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(1500),
        runtime=more_each_attempt(120),
    params:
        **STAGES["simulate_home"].params,
        code=CODE.of_stage("simulate_home"),
    script:
        "../workflow_scripts/run_stage.py"


rule download:
    """Fetch, verify and unpack a dataset's files."""
    output:
        **STAGES["download"].outputs,
    log:
        STAGES["download"].log,
    benchmark:
        STAGES["download"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(1000),
        runtime=more_each_attempt(1440),
    params:
        **STAGES["download"].params,
        code=CODE.of_stage("download"),
    script:
        "../workflow_scripts/run_stage.py"
