"""`assignments.h5`: the pseudo-label of every pretraining window after each epoch of Stage 1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.hdf5 import create_artifact, open_artifact, write_json
from detach_core.contracts.provenance import Provenance

SCHEMA = "detach.assignments/1"
RULE = "pretrain_spatial"


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
        """Row of the last state before the first epoch of `phase`; None where that phase never came."""
        return self.phases.index(phase) - 1 if phase in self.phases else None


def write_assignments(path: Path | str, assignments: Assignments) -> None:
    """Write `assignments` to `path`, atomically."""
    with create_artifact(path, schema=SCHEMA, provenance=assignments.provenance) as file:
        file.attrs["num_clusters"] = assignments.num_clusters
        write_json(file, phases=list(assignments.phases))
        file["window"] = assignments.window.astype(np.int64, copy=False)
        file["cluster"] = assignments.cluster.astype(np.int32, copy=False)
        file["confident"] = assignments.confident.astype(np.uint8)


def read_assignments(path: Path | str) -> Assignments:
    """The assignments that `write_assignments` wrote.

    Raises:
        ContractError: the file is not what the contract says.
    """
    with open_artifact(path, schema=SCHEMA, rule=RULE) as reader:
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
