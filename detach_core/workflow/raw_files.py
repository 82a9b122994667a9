"""Raw files of a shard, and the fingerprints by which replaced ones are detected."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from detach_core.acquisition.local import Fingerprints, RawFolder
from detach_core.config.load import Config
from detach_core.foundation.files import list_files, matching_files

FINGERPRINTS = ".snakemake/raw_fingerprints.json"


class RawFiles:
    """The raw files of each dataset's shards.

    Args:
        config: the configuration.
        cache_path: where fingerprints of files are kept from run to run.
    """

    def __init__(self, config: Config, cache_path: Path | str = FINGERPRINTS) -> None:
        self._config = config
        self.fingerprints = Fingerprints(cache_path)
        self._present = cache(self._list_present)
        self._matching = cache(self._list_matching)

    def of_shard(self, *kinds: str) -> Callable[[Any], str | list[str]]:
        """An input function: the manifest of a shard's raw files, or the user's files of these `kinds` themselves."""

        def files(wildcards: Any) -> str | list[str]:
            dataset, shard = wildcards.dataset, wildcards.shard
            named = self._manifest(dataset, shard)
            root = self._config.raw_root(dataset)
            return [f"{root}/{path}" for path in self._matching(dataset, shard, kinds)] if named is None else named

        return files

    def fingerprints_of(self, *kinds: str) -> Callable[[Any], list[str]]:
        """A param function: fingerprints of a shard's raw files of these `kinds`, unless their manifest has them."""

        def found(wildcards: Any) -> list[str]:
            dataset, shard = wildcards.dataset, wildcards.shard
            named, root = self._manifest(dataset, shard), self._config.raw_root(dataset)
            paths = self._matching(dataset, shard, kinds)
            if named is None:
                return self.fingerprints.of_files(paths, root)
            return self.fingerprints.unlike_manifest(named, paths, root)

        return found

    def local_datasets(self) -> list[RawFolder]:
        """The datasets with `source: local` that some table needs."""
        sections = {name: self._config.document.datasets[name] for name in self._config.tabulated}
        return [
            RawFolder(name, section.adapter, section.root, self._config.recordings(name), section.native)
            for name, section in sections.items()
            if section.source == "local"
        ]

    def _manifest(self, dataset: str, shard: str) -> str | None:
        root, source = self._config.raw_root(dataset), self._config.source(dataset)
        return {"simulated": f"{root}/{shard}.json", "downloaded": f"{root}/download.json", "local": None}[source]

    def _list_present(self, dataset: str) -> tuple[str, ...]:
        """The files in the folder of a dataset's raw files, empty before anything is simulated or downloaded."""
        root = self._config.raw_root(dataset)
        return list_files(root) if self._config.source(dataset) == "local" or Path(root).is_dir() else ()

    def _list_matching(self, dataset: str, shard: str, kinds: tuple[str, ...]) -> list[str]:
        """The files of a shard's recordings, below the folder of the dataset's raw files."""
        native = self._config.document.datasets[dataset].native
        return [
            path
            for recording in self._config.shards(dataset)[shard]
            for kind in kinds
            for path in matching_files(self._present(dataset), native.globs(kind), recording)
        ]
