"""Path patterns and input functions."""

from functools import cache
from shutil import which

from detach_core.contracts.patterns import list_files, matching_files

SHARD = "results/{dataset}/shards/{shard}"
WINDOWS = "results/{dataset}/windows.h5"
SPLIT = "results/{dataset}/{split}/split.json"
SPATIAL = "results/{dataset}/{split}/spatial/{spatial}/seed{seed}"
RUN = "results/{dataset}/{split}/{variant}/seed{seed}"

THREADS = CONFIG.document.threads
GPUS = int(CONFIG.document.device == "cuda" or (CONFIG.document.device == "auto" and which("nvidia-smi") is not None))


@cache
def local_files(dataset):
    """The files in the user's folder of a dataset."""
    return list_files(CONFIG.raw_root(dataset))


def raw_files(kinds):
    """An input function: the manifest of a shard's raw files, or the user's files themselves."""

    def files(wildcards):
        dataset, root = wildcards.dataset, CONFIG.raw_root(wildcards.dataset)
        source = CONFIG.source(dataset)
        if source == "simulated":
            return f"{root}/{wildcards.shard}.json"
        if source == "downloaded":
            return f"{root}/download.json"
        native = CONFIG.document.datasets[dataset].native.model_dump()
        return [
            f"{root}/{path}"
            for recording in CONFIG.shards(dataset)[wildcards.shard]
            for kind in kinds
            for path in matching_files(local_files(dataset), native.get(f"{kind}_glob", []), recording)
        ]

    return files


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


include: "slurm.smk"
