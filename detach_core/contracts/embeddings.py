"""`embeddings.h5`: what a frozen method makes of every window of windows.h5, in the same order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.atomic import atomic_path
from detach_core.contracts.errors import ContractError
from detach_core.contracts.provenance import Provenance

SCHEMA = "detach.embeddings/1"
FEATURES = (
    *("sensor", "sensor_spatial", "sensor_temporal", "sensor_shared"),
    *("video", "video_spatial", "video_temporal"),
)
_REMEDY = "rerun the rule `embed`"
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
    with atomic_path(path) as partial, h5py.File(partial, "w") as file:
        file.attrs["schema"] = SCHEMA
        file.attrs["provenance"] = embeddings.provenance.to_json()
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
    with h5py.File(path, "r") as file:
        attrs = dict(file.attrs)
        features = {name: np.asarray(file[name]) for name in FEATURES if name in file}
    if attrs.get("schema") != SCHEMA:
        raise ContractError(path, "schema", expected=SCHEMA, found=str(attrs.get("schema")), remedy=_REMEDY)
    for name in (*_TEXTS, "seed", "provenance"):
        if name not in attrs:
            raise ContractError(path, name, expected="an attribute", found="nothing", remedy=_REMEDY)
    if "sensor" not in features:
        raise ContractError(path, "sensor", expected="a dataset", found="nothing", remedy=_REMEDY)
    _check(path, features)
    return Embeddings(
        features=features,
        **{name: str(attrs[name]) for name in _TEXTS},
        seed=int(attrs["seed"]),
        provenance=Provenance.from_json(str(attrs["provenance"])),
    )


def _check(path: Path | str, features: Mapping[str, NDArray[np.float32]]) -> None:
    num_windows = len(features["sensor"])
    for name, values in features.items():
        if values.dtype != np.float32 or values.ndim != 2 or len(values) != num_windows:
            found = f"{values.dtype} of shape {values.shape}"
            raise ContractError(path, name, expected=f"float32 ({num_windows}, D)", found=found, remedy=_REMEDY)
        if not np.isfinite(values).all():
            raise ContractError(path, name, expected="finite numbers", found="NaN or infinity", remedy=_REMEDY)
