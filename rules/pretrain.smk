"""Pretrain on paired windows without labels.

Consumes  {dataset}/windows.h5, {dataset}/{split}/split.json, the weight file of `video.init` if there is one
Produces  {dataset}/{split}/spatial/{spatial}/seed{seed}/checkpoint.safetensors, history.jsonl, assignments.h5   Stage 1, shared by variants
          {dataset}/{split}/{variant}/seed{seed}/checkpoint.safetensors, history.jsonl, snapshots.safetensors
          and the same under {variant}+{n} for each candidate of `search`
"""


rule pretrain_spatial:
    """Learn spatial features and pseudo-labels (DETACH, Stage 1)."""
    input:
        windows=WINDOWS,
        split=SPLIT,
        weights=lambda w: CONFIG.spatial_weights(w.spatial),
    output:
        checkpoint=f"{SPATIAL}/checkpoint.safetensors",
        history=f"{SPATIAL}/history.jsonl",
        assignments=f"{SPATIAL}/assignments.h5",
    log:
        f"{SPATIAL}/pretrain_spatial.log",
    benchmark:
        f"{SPATIAL}/pretrain_spatial.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: THREADS * CONFIG.document.devices
    resources:
        mem_mb=more_each_attempt(2000 * CONFIG.document.devices),
        runtime=more_each_attempt(720),
        gpu=GPUS * CONFIG.document.devices,
    params:
        settings=lambda w: CONFIG.spatial(w.spatial, w.dataset),
        weights=lambda w: FILES.of_files(CONFIG.spatial_weights(w.spatial)),
        code=CODE.of_stage("pretrain_spatial", "detach_spatial"),
    script:
        "../workflow_scripts/pretrain_spatial.py"


rule pretrain:
    """Learn a sensor encoder from paired windows."""
    input:
        windows=WINDOWS,
        split=SPLIT,
        spatial=spatial_checkpoint,
        weights=lambda w: CONFIG.video_weights(w.variant),
    output:
        checkpoint=f"{RUN}/checkpoint.safetensors",
        history=f"{RUN}/history.jsonl",
        snapshots=f"{RUN}/snapshots.safetensors",
    log:
        f"{RUN}/pretrain.log",
    benchmark:
        f"{RUN}/pretrain.benchmark.tsv"
    conda:
        "../envs/detach.yaml"
    threads: THREADS * CONFIG.document.devices
    resources:
        mem_mb=more_each_attempt(2000 * CONFIG.document.devices),
        runtime=more_each_attempt(720),
        gpu=GPUS * CONFIG.document.devices,
    params:
        settings=lambda w: CONFIG.pretraining(w.variant, w.dataset),
        weights=lambda w: FILES.of_files(CONFIG.video_weights(w.variant)),
        code=lambda w: CODE.of_stage("pretrain", CONFIG.variant(w.variant).method),
    script:
        "../workflow_scripts/pretrain.py"
