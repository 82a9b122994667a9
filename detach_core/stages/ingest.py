"""Stage `ingest`: native sensor and annotation files of one shard -> `sensor.h5`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.recording import Recording, open_location, write_recordings
from detach_core.contracts.rows import MappedRows
from detach_core.datasets.adapter import check_channels, count_lost
from detach_core.datasets.registry import IngestSettings, build_adapter
from detach_core.foundation.logs import stage_log
from detach_core.settings.base import from_plain, to_plain
from detach_core.windows.packing import first_rows


def ingest(
    *,
    dataset: str,
    settings: str,
    recordings: Sequence[str],
    root_path: Path | str,
    sensor_path: Path | str,
    log_path: Path | str,
) -> None:
    """Read the `recordings` of `dataset` below `root_path` and write them to `sensor_path`."""
    root = Path(root_path)
    with stage_log(log_path, "ingest") as log:
        values = from_plain(IngestSettings, json.loads(settings))
        adapter = build_adapter(values.adapter, values.native, classes=values.classes)

        def captures() -> Iterator[Recording]:
            for name in tqdm(recordings, file=sys.stderr, mininterval=5, desc="ingest"):
                # What waits lies beside the artifact, where there must be room for it anyhow.
                capture = adapter.read_recording(root, name, scratch=Path(sensor_path).parent)
                if values.all_nan_channel == "refuse":
                    check_channels(adapter.find_files(root, name).sensor, capture)
                for remark in capture.remarks:
                    log.warning("%s: %s", name, remark)
                if values.source == "simulated":
                    capture = _with_truth(capture, root / "truth" / f"{name}.h5")
                lost, length = count_lost(capture.sensor), len(capture.sensor)
                if silent := [one for one, count in zip(capture.channel_names, lost, strict=True) if count == length]:
                    log.warning("%s: only NaN in %s; they are 0 throughout", name, ", ".join(silent))
                log.info(
                    "%s: %d samples, %d annotations, %.2f %% lost",
                    name,
                    length,
                    len(capture.annotations),
                    100 * float(lost.sum() / (length * len(lost))),
                )
                yield capture

        write_recordings(
            sensor_path,
            captures(),
            dataset=dataset,
            class_names=adapter.class_names,
            class_actions=adapter.class_actions,
            places=adapter.places,
            provenance=make_provenance(
                stage="ingest", source=values.source, settings=[to_plain(values), dataset, list(recordings)]
            ),
        )
        log.info("wrote %s", sensor_path)


def _with_truth(capture: Recording, path: Path) -> Recording:
    if not path.is_file():
        return capture
    truth = open_location(path)

    def location(time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        # The truth lies on the true clock from 0 on; by time, so that the sensors' own clock may differ.
        rows = first_rows(time_s, origin_s=0.0, rate_hz=truth.sensor_hz)
        inside = (rows >= 0) & (rows < len(truth.rows))
        found = np.full(len(rows), -1.0)
        found[inside] = truth.rows[rows[inside]]
        return found

    return replace(capture, location=MappedRows(capture.time_s, location), location_names=truth.names)
