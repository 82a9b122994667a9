"""`embeddings.h5`: what a frozen method makes of every window of windows.h5, in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.hdf5 import create_artifact, open_artifact
from detach_core.contracts.provenance import Provenance

SCHEMA = "detach.embeddings/1"
FEATURES = (
    *("sensor", "sensor_spatial", "sensor_temporal", "sensor_shared"),
    *("video", "video_spatial", "video_temporal"),
)
RULE = "embed"
_TEXTS = ("method", "variant", "split", "probed", "dataset", "source", "video_init")


@dataclass(frozen=True)
class Embeddings:
    """Features of all windows, each (N, D) float32; what the method does not embed is absent from `features`."""

    features: dict[str, NDArray[np.float32]]
    method: str
    variant: str
    split: str
    seed: int
    probed: str
    dataset: str
    source: str
    video_init: str
    provenance: Provenance

    @property
    def sensor(self) -> NDArray[np.float32]:
        """(N, D) float32: what the probe reads."""
        return self.features["sensor"]


def write_embeddings(path: Path | str, embeddings: Embeddings) -> None:
    """Write `embeddings` to `path`, atomically."""
    with create_artifact(path, schema=SCHEMA, provenance=embeddings.provenance) as file:
        file.attrs["seed"] = embeddings.seed
        for name in _TEXTS:
            file.attrs[name] = getattr(embeddings, name)
        for name in FEATURES:
            if name in embeddings.features:
                file.create_dataset(name, data=np.asarray(embeddings.features[name], dtype=np.float32))


def read_embeddings(path: Path | str) -> Embeddings:
    """The embeddings that `write_embeddings` wrote.

    Raises:
        ContractError: another schema, a missing field, another type or shape, or a number that is not finite.
    """
    with open_artifact(path, schema=SCHEMA, rule=RULE) as reader:
        num_windows: int | None = None
        features = {}
        for name in FEATURES:
            if name == "sensor" or name in reader.file:
                node = reader.dataset(name, dtype="float32", shape=(num_windows, None), finite=True)
                features[name], num_windows = np.asarray(node), len(node)
        return Embeddings(
            features=features,
            **{name: reader.label(name) for name in _TEXTS},
            seed=reader.attribute("seed", int),
            provenance=reader.provenance(),
        )
