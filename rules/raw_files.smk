"""Which raw files a shard is made from, and what tells them from others that take their place."""

from functools import cache
from pathlib import Path

from detach_core.acquisition.fingerprints import Fingerprints
from detach_core.contracts.patterns import list_files, matching_files

FILES = Fingerprints(".snakemake/raw_fingerprints.json")


@cache
def present_files(dataset):
    """The files in the folder of a dataset's raw files, none as long as nothing has been simulated or downloaded."""
    root = CONFIG.raw_root(dataset)
    return list_files(root) if CONFIG.source(dataset) == "local" or Path(root).is_dir() else ()


@cache
def matching(dataset, shard, kinds):
    """The files of a shard's recordings, below the folder of the dataset's raw files."""
    native = CONFIG.document.datasets[dataset].native
    return [
        path
        for recording in CONFIG.shards(dataset)[shard]
        for kind in kinds
        for path in matching_files(present_files(dataset), native.globs(kind), recording)
    ]


def manifest(dataset, shard):
    """The manifest of a shard's raw files; none for the user's own."""
    root, source = CONFIG.raw_root(dataset), CONFIG.source(dataset)
    return {
        "simulated": f"{root}/{shard}.json",
        "downloaded": f"{root}/download.json",
        "local": None,
    }[source]


def raw_files(*kinds):
    """An input function: the manifest of a shard's raw files, or the user's files themselves."""

    def files(wildcards):
        dataset, shard = wildcards.dataset, wildcards.shard
        named = manifest(dataset, shard)
        root = CONFIG.raw_root(dataset)
        return [f"{root}/{path}" for path in matching(dataset, shard, kinds)] if named is None else named

    return files


def raw_fingerprints(*kinds):
    """A param function: what tells a shard's raw files from others that take their place."""

    def found(wildcards):
        dataset, shard = wildcards.dataset, wildcards.shard
        named, root = manifest(dataset, shard), CONFIG.raw_root(dataset)
        paths = matching(dataset, shard, kinds)
        return FILES.of_files(paths, root) if named is None else FILES.unlike_manifest(named, paths, root)

    return found
