"""Stage `extract_frames`: native videos of one shard -> `frames.h5`. Each video is decoded once, frame by frame."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
from tqdm import tqdm

from detach_core.contracts.errors import BadInputError
from detach_core.contracts.frames import create_frames
from detach_core.contracts.hdf5 import write_rows
from detach_core.contracts.logs import stage_log
from detach_core.contracts.provenance import make_provenance
from detach_core.datasets import build_adapter
from detach_core.datasets.video_files import VideoFile, check_video, inspect_video, planar_frames
from detach_core.signals.frames import Fit, fit_picture, native_frames, rgb_of_planar


def extract_frames(
    *,
    dataset: str,
    settings: str,
    recordings: Sequence[str],
    root_path: Path | str,
    frames_path: Path | str,
    log_path: Path | str,
) -> None:
    """Decode the videos of `recordings` below `root_path` and write their working frames to `frames_path`."""
    root = Path(root_path)
    cv2.setNumThreads(1)
    with stage_log(log_path, "extract_frames") as log:
        values = json.loads(settings)
        video, native = values["video"], values["native"]
        width, height = video["image_px"]
        adapter = build_adapter(values["adapter"], native)
        provenance = make_provenance(
            stage="extract_frames", source=values["source"], settings=[values, dataset, list(recordings)]
        )
        with create_frames(
            frames_path, working_hz=video["working_hz"], image_px=(width, height), provenance=provenance
        ) as writer:
            for name in tqdm(recordings, file=sys.stderr, mininterval=5, desc="extract_frames"):
                began = time.perf_counter()
                file = inspect_video(adapter.find_files(root, name).video)
                check_video(
                    file,
                    video_hz=native["video_hz"],
                    rate_tolerance=video["rate_tolerance"],
                    length_tolerance_s=video["length_tolerance_s"],
                )
                fit = _fit(file, image_px=(width, height), crop_px=video["crop_px"])
                wanted = native_frames(file.num_frames, native_hz=native["video_hz"], working_hz=video["working_hz"])
                stored = writer.add_recording(name, num_frames=len(wanted), video=str(file.path))
                pictures = planar_frames(file.path, wanted, fit)
                write_rows(stored, ((rgb_of_planar(item, fit.image_px), item[: 2 * height]) for item in pictures))
                speed = file.num_frames / (time.perf_counter() - began)
                log.info("%s: %d of %d frames, %.0f native frames/s", name, len(wanted), file.num_frames, speed)
        log.info("wrote %s", frames_path)


def _fit(file: VideoFile, *, image_px: tuple[int, int], crop_px: Sequence[int] | None) -> Fit:
    try:
        return fit_picture((file.width_px, file.height_px), image_px=image_px, crop_px=crop_px)
    except ValueError as error:
        found, expected = str(error), "a crop inside the picture"
        raise BadInputError(
            file.path, "picture", found=found, expected=expected, remedy="change `video.crop_px`"
        ) from None
