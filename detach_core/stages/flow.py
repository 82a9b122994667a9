"""Stage `flow`: `frames.h5` -> `flow.h5`, the optical flow between consecutive working frames."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import cv2
from tqdm import tqdm

from detach_core.contracts.frames import compand, create_flow, read_frames
from detach_core.contracts.hdf5 import write_rows
from detach_core.contracts.provenance import make_provenance
from detach_core.datasets.registry import FlowStageSettings
from detach_core.foundation.logs import stage_log
from detach_core.settings.base import from_plain, to_plain
from detach_core.signals.motion import consecutive_flow, flow_function


def flow(*, settings: str, frames_path: Path | str, flow_path: Path | str, log_path: Path | str) -> None:
    """Compute the flow of every recording of `frames_path` and write it to `flow_path`."""
    cv2.setNumThreads(1)
    with stage_log(log_path, "flow") as log:
        values = from_plain(FlowStageSettings, json.loads(settings))
        method, preset, max_px = values.flow.method, values.flow.preset, values.flow.max_px
        frames = read_frames(frames_path)
        width, height = frames.image_px
        function = flow_function(method, preset=preset, luma_px=(2 * width, 2 * height))
        provenance = make_provenance(
            stage="flow",
            source=values.source,
            settings=to_plain(values),
            inputs={"frames": frames.provenance.artifact_id},
        )
        with create_flow(
            flow_path,
            max_px=max_px,
            working_hz=frames.working_hz,
            image_px=frames.image_px,
            method=f"{method} {preset}" if method == "dis" else method,
            provenance=provenance,
        ) as writer:
            for name, stream in tqdm(frames.streams.items(), file=sys.stderr, mininterval=5, desc="flow"):
                began = time.perf_counter()
                stored = writer.add_recording(name, num_frames=stream.num_frames)
                motion = consecutive_flow(stream.luma, function)
                write_rows([stored], ([compand(step, max_px)] for step in motion))
                log.info("%s: %.0f frames/s", name, stream.num_frames / (time.perf_counter() - began))
        log.info("wrote %s", flow_path)
