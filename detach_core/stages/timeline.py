"""Stage `timeline`: one recording on one offline page."""

from __future__ import annotations

from pathlib import Path

from detach_core.contracts.embeddings import read_assignments, read_embeddings
from detach_core.contracts.frames import read_flow, read_frames
from detach_core.contracts.metrics import Metrics, read_metrics
from detach_core.contracts.recording import Recording, read_recordings
from detach_core.contracts.rows import Rows, rows_of
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import open_windows
from detach_core.evaluation.evaluated_run import check_match
from detach_core.foundation.errors import ContractError
from detach_core.foundation.logs import stage_log
from detach_core.reports.timeline.content import build_timeline
from detach_core.reports.timeline.page import encode_proxy, timeline_page, write_page

LARGE_MB = 100
"""a page that browsers open slowly"""


def timeline(
    *,
    recording: str,
    windows_path: str | Path,
    split_path: str | Path,
    embeddings_path: str | Path,
    sensor_path: str | Path,
    frames_path: str | Path | None,
    flow_path: str | Path | None,
    metrics_path: str | Path | None,
    assignments_path: str | Path | None,
    page_path: str | Path,
    log_path: str | Path,
) -> None:
    """Write `timeline.html` of one recording and run.

    Args:
        recording: its id.
        windows_path: `windows.h5`.
        split_path: `split.json`.
        embeddings_path: `embeddings.h5` of the run.
        sensor_path: `sensor.h5` of the recording's shard.
        frames_path: `frames.h5` of the shard; None without a video.
        flow_path: `flow.h5` of the shard; None without a video.
        metrics_path: `metrics.json` of the run; None for a dataset without labels.
        assignments_path: `assignments.h5` of the run's Stage 1; None for a method without one.
        page_path: where to write.
        log_path: the log.
    """
    with stage_log(log_path, "timeline") as log:
        windows, split = open_windows(windows_path), read_split(split_path)
        run = read_embeddings(embeddings_path)
        place = {"dataset": windows.dataset, "source": windows.source, "split": split.name}
        check_match(run, embeddings_path, num_windows=windows.num_windows, **place)
        metrics = None if metrics_path is None else read_metrics(metrics_path)
        if metrics is not None:
            _check_metrics(metrics, metrics_path, variant=run.variant, seed=run.seed, **place)
        streams = _streams(frames_path, flow_path, recording)
        content = build_timeline(
            _recording(sensor_path, recording),
            windows,
            split,
            run.sensor,
            heading={"recording": recording, **place, "variant": run.variant, "seed": str(run.seed)},
            metrics=metrics,
            assignments=None if assignments_path is None else read_assignments(assignments_path),
            video_s=0.0 if streams is None else len(streams[0]) / windows.working_hz,
        )
        proxy, size = None, (0, 0)
        if streams is not None:
            rgb, flow = streams
            proxy = encode_proxy(rgb, flow, max_px=windows.flow_max_px, working_hz=windows.working_hz)
            size = (rgb.shape[2], rgb.shape[1])
        page = timeline_page(content, proxy, picture_px=size, working_hz=windows.working_hz)
        megabytes = write_page(page_path, page)
        log.info("the timeline is %s (%.1f MB, %.1f of them video)", page_path, megabytes, len(proxy or b"") / 0.75e6)
        if megabytes > LARGE_MB:
            log.warning("browsers open a page of %.0f MB slowly; shorter recordings give smaller ones", megabytes)


def _recording(path: str | Path, name: str) -> Recording:
    found = {one.recording_id: one for one in read_recordings(path).recordings}
    if name not in found:
        remedy = "rerun the rule `ingest`"
        raise ContractError(path, name, expected="this recording", found=", ".join(found), remedy=remedy)
    return found[name]


def _streams(frames_path: str | Path | None, flow_path: str | Path | None, name: str) -> tuple[Rows, Rows] | None:
    """Frames (F, H, W, 3) and flow (F, H, W, 2) of a recording; None where it has no video."""
    if frames_path is None or flow_path is None:
        return None
    frames, flow = read_frames(frames_path).streams, read_flow(flow_path).streams
    if name not in frames:
        return None
    rows = len(flow.get(name, ()))
    if rows != frames[name].num_frames:
        expected, remedy = f"{frames[name].num_frames} rows, as {frames_path} has", "rerun the rule `flow`"
        raise ContractError(flow_path, name, expected=expected, found=f"{rows} rows", remedy=remedy)
    return rows_of(frames[name].rgb), rows_of(flow[name])


def _check_metrics(metrics: Metrics, path: str | Path | None, **expected: str | int) -> None:
    """Check that the predictions are of this run."""
    for field, wanted in expected.items():
        if (found := getattr(metrics, field)) != wanted:
            remedy = "run the rule probe again"
            raise ContractError(path or "", field, expected=str(wanted), found=str(found), remedy=remedy)
