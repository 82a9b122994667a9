"""Stage `extract_frames`: native videos of one shard -> `frames.h5`. Each video is decoded once, frame by frame."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from logging import Logger
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from detach_core.contracts.frames import FrameWriter, VideoTiming, create_frames, rows_seen
from detach_core.contracts.hdf5 import write_rows
from detach_core.contracts.provenance import make_provenance
from detach_core.datasets.adapter import VideoSegment
from detach_core.datasets.registry import AnyNativeSettings, ExtractFramesSettings, VideoSettings, build_adapter
from detach_core.datasets.video_files import LONGEST_BLANK_S, VideoFile, check_video, inspect_video
from detach_core.datasets.video_pictures import (
    Picture,
    PictureCount,
    PictureFitter,
    WorkingRows,
    read_pictures,
    with_held,
)
from detach_core.foundation.errors import BadInputError
from detach_core.foundation.logs import stage_log
from detach_core.settings.base import from_plain, to_plain
from detach_core.signals.frames import nearest_pictures, num_ticks

_RATE_DIFFERENCE = 5e-4


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
        values = from_plain(ExtractFramesSettings, json.loads(settings))
        video, adapter = values.video, build_adapter(values.adapter, values.native)
        width, height = video.image_px
        provenance = make_provenance(
            stage="extract_frames", source=values.source, settings=[to_plain(values), dataset, list(recordings)]
        )
        with create_frames(
            frames_path, working_hz=video.working_hz, image_px=(width, height), provenance=provenance
        ) as writer:
            for name in tqdm(recordings, file=sys.stderr, mininterval=5, desc="extract_frames"):
                began = time.perf_counter()
                films = _films(adapter.video_segments(root, name), video, _offset_s(adapter.native, name))
                timing = _write_video(writer, name, films, video)
                _tell(log, name, timing, adapter.native.video_hz, timing.pictures / (time.perf_counter() - began))
        log.info("wrote %s", frames_path)


@dataclass(frozen=True)
class _Film:
    """A file of a video and what is added to its stamps, counted from its own start, for the recording's time."""

    file: VideoFile
    offset_s: Fraction

    @property
    def end_s(self) -> Fraction:
        """The recording's time of the last picture."""
        return self.file.end_s - self.file.zero_s + self.offset_s


def _films(segments: Sequence[VideoSegment], settings: VideoSettings, offset_s: Fraction) -> list[_Film]:
    """The inspected files of a recording's video.

    Raises:
        BadInputError: a file is refused, two are for the same time, or more than a day lies between two.
    """
    films: list[_Film] = []
    for segment in segments:
        film = _Film(inspect_video(segment.path), segment.start_s + offset_s)
        check_video(film.file, length_tolerance_s=settings.length_tolerance_s)
        if films:
            _check_sequence(films[-1], film, settings.length_tolerance_s)
        films.append(film)
    return films


def _check_sequence(earlier: _Film, later: _Film, tolerance_s: float) -> None:
    between_s = float(later.offset_s - earlier.end_s)
    if between_s < -tolerance_s:
        found = f"a start {-between_s:.1f} s before the end of {earlier.file.path}"
        expected = f"one file a moment, or at most {tolerance_s:g} s (`video.length_tolerance_s`) of two"
        remedy = "move one of them away, or correct its start"
        raise BadInputError(later.file.path, "start", found=found, expected=expected, remedy=remedy)
    if between_s > LONGEST_BLANK_S:
        found = f"a start {between_s / 3600:.0f} h after the end of {earlier.file.path}"
        expected, remedy = "less than a day between two files", "make two recordings of them"
        raise BadInputError(later.file.path, "start", found=found, expected=expected, remedy=remedy)


def _offset_s(native: AnyNativeSettings, name: str) -> Fraction:
    offset = native.video_offset_s
    return Fraction(offset.get(name, 0) if isinstance(offset, dict) else offset).limit_denominator(1_000_000)


def _write_video(writer: FrameWriter, name: str, films: Sequence[_Film], settings: VideoSettings) -> VideoTiming:
    working_hz, tolerance_s, last = settings.working_hz, settings.length_tolerance_s, films[-1]
    path, offset_s = films[0].file.path, films[0].offset_s
    ticks = num_ticks(last.end_s, interval_s=last.file.interval_s, working_hz=working_hz)
    if ticks == 0:
        found, expected = f"a last picture at {float(last.end_s):.1f} s", "pictures after the recording's start"
        remedy = "change `native.video_offset_s`"
        raise BadInputError(last.file.path, "time stamps", found=found, expected=expected, remedy=remedy)
    stored = writer.add_recording(name, num_frames=ticks, video=str(path))
    count = PictureCount()
    timed = chain.from_iterable(_timed_pictures(film, count, tolerance_s) for film in films)
    fitter = PictureFitter(path, image_px=settings.image_px, crop_px=settings.crop_px)
    rows = WorkingRows(fitter, np.empty(ticks))
    write_rows(stored, rows.of(nearest_pictures(timed, working_hz=working_hz, ticks=ticks)))
    tick_s = np.arange(ticks) / working_hz
    timing = VideoTiming(
        start_s=float(count.first_s or 0),
        offset_s=float(offset_s),
        rate_hz=count.rate_hz,
        pictures=count.shown,
        damaged=count.damaged,
        disordered=count.disordered,
        gaps=count.gaps,
        gaps_s=float(count.gaps_s),
        longest_gap_s=float(count.longest_gap_s),
        gap_at_s=float(count.gap_at_s),
        farthest_s=float(np.abs(rows.picture_s - tick_s).max()),
        tolerance_s=float(tolerance_s),
        unseen=int((~rows_seen(tick_s, rows.picture_s, tolerance_s)).sum()),
    )
    writer.tell_timing(name, rows.picture_s, timing)
    return timing


def _timed_pictures(film: _Film, count: PictureCount, tolerance_s: float) -> Iterator[tuple[Fraction, Picture]]:
    pictures = read_pictures(film.file, count, offset_s=film.offset_s, back_s=tolerance_s)
    if film.file.places_only:
        return with_held(pictures, interval_s=film.file.interval_s, end_s=film.end_s)
    return ((item.time_s, item) for item in pictures)


def _tell(log: Logger, name: str, timing: VideoTiming, expected_hz: float, speed: float) -> None:
    """Log of the video's timing: one line of figures, and one for each irregularity."""
    log.info(
        "%s: %d pictures from %.3f s on, %.4f a second, the farthest %.3f s from its tick; %.0f native frames/s",
        name, timing.pictures, timing.start_s, timing.rate_hz, timing.farthest_s, speed,
    )  # fmt: skip
    if timing.start_s != 0:
        log.warning("%s: the first picture is shown at %.3f s, not 0", name, timing.start_s)
    if timing.rate_hz and abs(timing.rate_hz / expected_hz - 1) > _RATE_DIFFERENCE:
        text = "%s: %.4f pictures a second, expected %g by `native.video_hz`; each is placed at its time stamp"
        log.warning(text, name, timing.rate_hz, expected_hz)
    if timing.gaps:
        text = "%s: %d gaps between pictures, %.1f s together; the longest is %.2f s, from %.2f s on"
        log.warning(text, name, timing.gaps, timing.gaps_s, timing.longest_gap_s, timing.gap_at_s)
    if timing.damaged:
        log.warning("%s: %d damaged pictures, or predicted from damaged ones, are left out", name, timing.damaged)
    if timing.disordered:
        log.warning("%s: %d pictures are left out as a later one came before them", name, timing.disordered)
    if timing.unseen:
        text = "%s: %d of the ticks have no picture within %g s (`video.length_tolerance_s`) and belong to no window"
        log.warning(text, name, timing.unseen, timing.tolerance_s)
