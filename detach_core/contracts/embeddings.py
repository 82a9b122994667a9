"""Features and clusters of windows: `embeddings.h5` of a frozen method, `assignments.h5` of Stage 1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.hdf5 import create_artifact, open_artifact, write_json
from detach_core.contracts.provenance import Provenance
from detach_core.foundation.errors import ContractError

EMBEDDINGS_SCHEMA = "detach.embeddings/2"
"""`embeddings.h5`: features of every window of windows.h5 by a frozen method, in the same order."""

FEATURES = (
    *("sensor", "sensor_spatial", "sensor_temporal", "sensor_shared"),
    *("video", "video_spatial", "video_temporal"),
    *("start", "start_spatial", "start_temporal", "start_shared"),
)

EMBEDDINGS_RULE = "embed"

_EMBEDDINGS_TEXTS = ("method", "variant", "split", "probed", "dataset", "source", "video_init")


@dataclass(frozen=True)
class Embeddings:
    """Features of all windows, each (N, D) float32; what the method does not embed is absent from `features`.

    `start` is what `sensor` was before any training, `start_spatial`, `start_temporal` and `start_shared` its parts; a
    method that is not trained has none. `collapse` says in words how the training collapsed, and is empty where it did
    not.
    """

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
    collapse: str = ""

    @property
    def sensor(self) -> NDArray[np.float32]:
        """(N, D) float32: what the probe reads."""
        return self.features["sensor"]

    def in_shared_space(self, path: Path | str) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """The sensors' and the video's features, both (N, D), in the space that they share; None without a video.

        Args:
            path: where they were read, for the message.

        Raises:
            ContractError: they are not of one width.
        """
        if "video" not in self.features:
            return None
        name = "sensor_shared" if "sensor_shared" in self.features else "sensor"
        sensor, video = self.features[name], self.features["video"]
        if sensor.shape[1] != video.shape[1]:
            expected, found = f"{sensor.shape[1]} columns, as {name} has", f"{video.shape[1]} columns"
            remedy = "let the method embed both modalities in one space"
            raise ContractError(path, "video", expected=expected, found=found, remedy=remedy)
        return sensor, video


def write_embeddings(path: Path | str, embeddings: Embeddings) -> None:
    """Write `embeddings` to `path`, atomically."""
    with create_artifact(path, schema=EMBEDDINGS_SCHEMA, provenance=embeddings.provenance) as file:
        file.attrs["seed"] = embeddings.seed
        file.attrs["collapse"] = embeddings.collapse
        for name in _EMBEDDINGS_TEXTS:
            file.attrs[name] = getattr(embeddings, name)
        for name in FEATURES:
            if name in embeddings.features:
                file.create_dataset(name, data=np.asarray(embeddings.features[name], dtype=np.float32))


def read_embeddings(path: Path | str) -> Embeddings:
    """The embeddings that `write_embeddings` wrote.

    Raises:
        ContractError: another schema, a missing field, another type or shape, a number that is not finite, or a feature
            of the own start that is not of the trained one's width.
    """
    with open_artifact(path, schema=EMBEDDINGS_SCHEMA, rule=EMBEDDINGS_RULE) as reader:
        num_windows: int | None = None
        features = {}
        for name in FEATURES:
            if name == "sensor" or name in reader.file:
                node = reader.dataset(name, dtype="float32", shape=(num_windows, None), finite=True)
                features[name], num_windows = np.asarray(node), len(node)
        for name in features:
            own = name.replace("start", "sensor")
            found = "no such feature" if own not in features else f"{features[own].shape[1]} columns"
            if own not in features or features[name].shape[1] != features[own].shape[1]:
                expected = f"as many columns as {name} has, {features[name].shape[1]}"
                raise reader.error(own, expected=expected, found=found)
        return Embeddings(
            features=features,
            **{name: reader.label(name) for name in _EMBEDDINGS_TEXTS},
            seed=reader.attribute("seed", int),
            provenance=reader.provenance(),
            collapse=reader.label("collapse") if reader.attribute("collapse", str) else "",
        )


ASSIGNMENTS_SCHEMA = "detach.assignments/1"
"""`assignments.h5`: the pseudo-label of every pretraining window after each epoch of Stage 1."""

ASSIGNMENTS_RULE = "pretrain_spatial"


@dataclass(frozen=True, eq=False)
class Assignments:
    """Stage 1's clusters of N windows over E epochs, the state before any step first.

    Attributes:
        window: (N,) int64, ids in windows.h5.
        cluster: (E, N) int32, pseudo-label of each window after each epoch, 0 to `num_clusters` - 1.
        confident: (E, N) bool, whether the window lay within its cluster's threshold then.
        phases: E names: `start`, then the phase of each epoch.
    """

    window: NDArray[np.int64]
    cluster: NDArray[np.int32]
    confident: NDArray[np.bool_]
    phases: tuple[str, ...]
    num_clusters: int
    provenance: Provenance

    def before(self, phase: str) -> int | None:
        """Row of the last state before the first epoch of `phase`; None if that phase did not occur."""
        return self.phases.index(phase) - 1 if phase in self.phases else None


def write_assignments(path: Path | str, assignments: Assignments) -> None:
    """Write `assignments` to `path`, atomically."""
    with create_artifact(path, schema=ASSIGNMENTS_SCHEMA, provenance=assignments.provenance) as file:
        file.attrs["num_clusters"] = assignments.num_clusters
        write_json(file, phases=list(assignments.phases))
        file["window"] = assignments.window.astype(np.int64, copy=False)
        file["cluster"] = assignments.cluster.astype(np.int32, copy=False)
        file["confident"] = assignments.confident.astype(np.uint8)


def read_assignments(path: Path | str) -> Assignments:
    """The assignments that `write_assignments` wrote.

    Raises:
        ContractError: the file violates its contract.
    """
    with open_artifact(path, schema=ASSIGNMENTS_SCHEMA, rule=ASSIGNMENTS_RULE) as reader:
        phases = reader.names("phases")
        window = reader.dataset("window", dtype="int64", shape=(None,))[()]
        shape = (len(phases), len(window))
        cluster = reader.dataset("cluster", dtype="int32", shape=shape)[()]
        confident = reader.dataset("confident", dtype="uint8", shape=shape)[()]
        num_clusters = reader.attribute("num_clusters", int)
        if cluster.size and not 0 <= cluster.min() <= cluster.max() < num_clusters:
            found = f"{cluster.min()} to {cluster.max()}"
            raise reader.error("cluster", expected=f"clusters 0 to {num_clusters - 1}", found=found)
        if confident.size and confident.max() > 1:
            raise reader.error("confident", expected="0 or 1", found=str(confident.max()))
        return Assignments(window, cluster, confident.astype(bool), phases, num_clusters, reader.provenance())
