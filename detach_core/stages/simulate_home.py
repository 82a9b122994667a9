"""Stage `simulate_home`: the recordings of one shard, in the dataset's native files, and their manifest."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.raw_files import describe_files, write_raw_manifest
from detach_core.foundation.logs import stage_log
from detach_core.settings.base import Plain, Settings, from_plain
from detach_core.simulation.registry import HomeSettings, NativeFiles, build_simulation, home_settings, native_files


@dataclass(frozen=True)
class SimulationJob:
    """Settings of the stage: the home's own, the properties of the native files, and the classes."""

    home: HomeSettings
    native: NativeFiles
    classes: tuple[str, ...]


@dataclass(frozen=True)
class _PlainJob(Settings):
    """A job in JSON form; the home's name determines the type of its settings."""

    home: Plain
    native: Plain
    classes: tuple[str, ...]
    source: str = "simulated"


def read_simulation_job(home: str, text: str) -> SimulationJob:
    """The settings that the stage's JSON holds for the simulated home `home`.

    Raises:
        LookupError: an unknown home.
        TypeError: unknown settings.
    """
    plain = from_plain(_PlainJob, json.loads(text))
    return SimulationJob(home_settings(home, plain.home), native_files(plain.native), plain.classes)


def simulate_home(
    *,
    dataset: str,
    settings: str,
    shard: str,
    recordings: Sequence[str],
    root_path: Path | str,
    manifest_path: Path | str,
    log_path: Path | str,
) -> None:
    """Simulate the `recordings` of `shard` below `root_path` and write the shard's manifest.

    Args:
        dataset: the dataset whose home is simulated.
        settings: canonical JSON of the dataset's `home`, `native` and `classes`.
        shard: the shard's id, for the log.
        recordings: ids of the shard's recordings.
        root_path: the dataset's folder of simulated raw files.
        manifest_path: the shard's manifest, written last.
        log_path: the stage's log.
    """
    root = Path(root_path)
    with stage_log(log_path, "simulate_home") as log:
        job = read_simulation_job(dataset, settings)
        simulation = build_simulation(dataset, settings=job.home, native=job.native, classes=job.classes)
        simulation.write_shared(root)
        written: list[Path] = []
        for name in tqdm(recordings, file=sys.stderr, mininterval=5, desc=f"simulate {shard}"):
            started = time.perf_counter()
            written += simulation.write(name, root)
            log.info("%s: simulated in %.1f s", name, time.perf_counter() - started)
        files = describe_files(root, written)
        provenance = make_provenance(
            stage="simulate_home",
            source="simulated",
            settings=[json.loads(settings), dataset, list(recordings)],
            seed=job.home.seed,
        )
        write_raw_manifest(manifest_path, recordings=recordings, files=files, provenance=provenance)
        log.info("%s: %d files, %.1f MB, in %s", shard, len(files), sum(file.bytes for file in files) / 1e6, root)
