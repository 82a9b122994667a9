"""What the workflow asks the configuration: names, and each stage's own settings as canonical JSON."""

from __future__ import annotations

from typing import Any

from detach_core.config.document import Document
from detach_core.config.reports import ResultsTable
from detach_core.config.section import canonical
from detach_core.config.variants import ResolvedVariant, resolve_spatial, resolve_variant

_SOURCE = {"simulated": "simulated", "local": "local", "download": "downloaded"}


class Config:
    """A checked configuration. A stage's settings hold just what it needs: a change reruns what it touches, no more."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._variants = {name: resolve_variant(document, name) for name in document.variants}

    def recordings(self, dataset: str) -> list[str]:
        """Ids of the recordings, subject by subject."""
        return self.document.datasets[dataset].recordings()

    def shards(self, dataset: str) -> dict[str, list[str]]:
        """Shard -> its recordings."""
        return self.document.datasets[dataset].shards()

    def source(self, dataset: str) -> str:
        """`simulated`, `local` or `downloaded`, as provenance says it."""
        return _SOURCE[self.document.datasets[dataset].source]

    def raw_root(self, dataset: str) -> str:
        """The folder of the raw files. Sources never share one."""
        section = self.document.datasets[dataset]
        return str(section.root) if section.source == "local" else f"data/{self.source(dataset)}/{dataset}"

    def spatial_of(self, variant: str) -> str | None:
        """The Stage 1 that a variant stands on, if any."""
        return self._variants[variant].spatial

    def variant(self, variant: str) -> ResolvedVariant:
        """A variant in full."""
        return self._variants[variant]

    def rows(self, table: str) -> list[str]:
        """A table's variants; none for a table about the data."""
        section = self.document.tables[table]
        return section.rows if isinstance(section, ResultsTable) else []

    @property
    def tabulated(self) -> list[str]:
        """The datasets that some table needs."""
        return sorted({dataset for table in self.document.tables.values() for dataset in table.datasets})

    def simulate_home(self, dataset: str) -> str:
        """Settings of stage `simulate_home`."""
        return self._of_dataset(dataset, "home", "native", "classes")

    def download(self, dataset: str) -> str:
        """Settings of stage `download`."""
        section = self.document.datasets[dataset]
        globs = {key: getattr(section.native, key) for key in ("sensor_glob", "video_glob")}
        return canonical(
            {
                "dataset": dataset,
                "adapter": section.adapter,
                "recordings": section.recordings(),
                "native": globs,
                "download": section.download,
            }
        )

    def ingest(self, dataset: str) -> str:
        """Settings of stage `ingest`."""
        return self._of_dataset(dataset, "adapter", "classes", "native", "missing.all_nan_channel")

    def extract_frames(self, dataset: str) -> str:
        """Settings of stage `extract_frames`."""
        return self._of_dataset(dataset, "adapter", "native", "video")

    def flow(self, dataset: str) -> str:
        """Settings of stage `flow`."""
        return self._of_dataset(dataset, "flow")

    def pack(self, dataset: str) -> str:
        """Settings of stage `pack`."""
        keys = ("window", "missing.max_nan_share", "null_windows", "label_unit", "classes", "video.length_tolerance_s")
        return self._of_dataset(dataset, *keys)

    def split(self, dataset: str, split: str) -> str:
        """Settings of stage `split`."""
        section = self.document.splits[split]
        quantile = self.document.input.activation_quantile
        part = section.datasets[dataset].model_dump()
        return canonical({"name": split, "seed": section.seed, "activation_quantile": quantile, **part})

    def spatial(self, name: str) -> str:
        """Settings of stage `pretrain_spatial`."""
        return canonical({**resolve_spatial(self.document, name).settings(), **self._machine()})

    def pretraining(self, variant: str) -> str:
        """Settings of stage `pretrain`."""
        found = self._variants[variant]
        return canonical({"method": found.method, **found.resolved.settings(), **self._machine()})

    def embedding(self, variant: str) -> str:
        """Settings of stage `embed`: the checkpoint knows the rest."""
        return canonical({"variant": variant, **self._machine()})

    def probing(self) -> str:
        """Settings of stage `probe`."""
        return canonical({"probe": self.document.probe, **self._machine()})

    def table(self, name: str) -> str:
        """Settings of stage `table`."""
        return canonical({**self.document.tables[name].model_dump(), "seeds": self.document.seeds})

    def _of_dataset(self, dataset: str, *keys: str) -> str:
        """The source and the `keys` of a dataset's section; `a.b` takes `b` alone of section `a`."""
        section = self.document.datasets[dataset].model_dump()
        values: dict[str, Any] = {"source": self.source(dataset)}
        for key in keys:
            name, _, part = key.partition(".")
            values[name] = {part: section[name][part]} if part else section[name]
        return canonical(values)

    def _machine(self) -> dict[str, Any]:
        return {"device": self.document.device, "threads": self.document.threads}
