"""Pretrain on paired windows without labels.

Consumes  {dataset}/windows.h5, {dataset}/{split}/split.json, the weight file of `video.init` if there is one
Produces  {dataset}/{split}/spatial/{spatial}/seed{seed}/checkpoint.safetensors, history.jsonl, assignments.h5   Stage 1, shared by variants
          {dataset}/{split}/{variant}/seed{seed}/checkpoint.safetensors, history.jsonl, snapshots.safetensors
          and the same under {variant}+{n} for each candidate of `search`
          with `tensorboard: true` also the folder tensorboard beside each checkpoint
"""

from detach_core.workflow.session import with_folders


rule pretrain_spatial:
    """Learn spatial features and pseudo-labels (DETACH, Stage 1)."""
    input:
        **STAGES["pretrain_spatial"].inputs,
    output:
        **with_folders(directory, STAGES["pretrain_spatial"]),
    log:
        STAGES["pretrain_spatial"].log,
    benchmark:
        STAGES["pretrain_spatial"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: THREADS * DEVICES
    resources:
        mem_mb=more_each_attempt(2000 * DEVICES),
        runtime=more_each_attempt(720),
        gpu=GPUS * DEVICES,
    params:
        **STAGES["pretrain_spatial"].params,
        **STAGES["pretrain_spatial"].triggers,
        code=CODE.of_stage("pretrain_spatial", "detach_spatial"),
    script:
        "../workflow_scripts/run_stage.py"


rule pretrain:
    """Learn a sensor encoder from paired windows."""
    input:
        **STAGES["pretrain"].inputs,
    output:
        **with_folders(directory, STAGES["pretrain"]),
    log:
        STAGES["pretrain"].log,
    benchmark:
        STAGES["pretrain"].benchmark
    conda:
        "../envs/detach.yaml"
    threads: THREADS * DEVICES
    resources:
        mem_mb=more_each_attempt(2000 * DEVICES),
        runtime=more_each_attempt(720),
        gpu=GPUS * DEVICES,
    params:
        **STAGES["pretrain"].params,
        **STAGES["pretrain"].triggers,
        code=lambda w: CODE.of_stage("pretrain", CONFIG.variant(w.variant).method),
    script:
        "../workflow_scripts/run_stage.py"
