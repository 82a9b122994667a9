"""Path patterns and input functions."""

from shutil import which

SHARD = "results/{dataset}/shards/{shard}"
WINDOWS = "results/{dataset}/windows.h5"
SPLIT = "results/{dataset}/{split}/split.json"
SPATIAL = "results/{dataset}/{split}/spatial/{spatial}/seed{seed}"
RUN = "results/{dataset}/{split}/{variant}/seed{seed}"

THREADS = CONFIG.document.threads
GPUS = int(CONFIG.document.device == "cuda" or (CONFIG.document.device == "auto" and which("nvidia-smi") is not None))


def shard_files(name):
    """An input function: `name` of every shard of a dataset."""
    return lambda wildcards: expand(
        f"{SHARD}/{name}",
        dataset=wildcards.dataset,
        shard=CONFIG.shards(wildcards.dataset),
    )


def spatial_checkpoint(wildcards):
    """The Stage 1 that a variant stands on; none for methods without."""
    spatial = CONFIG.spatial_of(wildcards.variant)
    return [] if spatial is None else f"{SPATIAL}/checkpoint.safetensors".replace("{spatial}", spatial)


def table_files(pattern):
    """An input function: `pattern` for everything that a table is made of."""

    def files(wildcards):
        named = [
            path
            for dataset, split in CONFIG.parts(wildcards.table)
            for path in expand(
                pattern,
                dataset=dataset,
                split=split,
                variant=CONFIG.rows(wildcards.table),
                seed=CONFIG.document.seeds,
            )
        ]
        return list(dict.fromkeys(named))

    return files


include: "raw_files.smk"
include: "slurm.smk"
