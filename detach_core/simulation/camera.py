"""From a trace to a video file: what a fixed camera in the home would have recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from detach_core.foundation.files import atomic_path
from detach_core.simulation.figure import Figure
from detach_core.simulation.home import Home
from detach_core.simulation.lighting import Grain, Light
from detach_core.simulation.scene import Scene
from detach_core.simulation.scenery import PasserBy, draw_swaying
from detach_core.simulation.skeleton import sample_motion
from detach_core.simulation.trace import Array, Trace

# A distractor weaker than this is not drawn.
STILL_BELOW = 0.02


def frame_times(trace: Trace, rate_hz: float) -> Array:
    """The times (F,) of the frames: i / rate_hz for as long as it is earlier than the trace's end."""
    return np.arange(int(np.ceil(trace.duration_s * rate_hz - 1e-6))) / rate_hz


def render_video(
    trace: Trace,
    home: Home,
    path: Path,
    *,
    width_px: int,
    height_px: int,
    rate_hz: float,
    knobs: Mapping[str, float],
    generator: np.random.Generator,
) -> None:
    """Write the video of `trace` in `home` to `path` (MPEG-4), at `rate_hz` frames a second.

    `knobs`: `noise_sd` (grey levels), `flicker`, `light_drift`, `exposure_wobble` (relative), `daylight` (0..1, patch
    of sun), `curtain`, `plant` (0..1, scale of the trace's distractors), `passer_by` (0..1, opacity), `blur_px` (sd of
    a blur of the whole image, 0: none), `qscale` (quantiser of the encoder). The same arguments give the same bytes.
    """
    frames = render_frames(
        trace, home, width_px=width_px, height_px=height_px, rate_hz=rate_hz, knobs=knobs, generator=generator
    )
    with atomic_path(path) as partial:
        _encode(frames, partial, width_px=width_px, height_px=height_px, rate_hz=rate_hz, qscale=int(knobs["qscale"]))


def render_frames(
    trace: Trace,
    home: Home,
    *,
    width_px: int,
    height_px: int,
    rate_hz: float,
    knobs: Mapping[str, float],
    generator: np.random.Generator,
) -> Iterator[NDArray[np.uint8]]:
    """The frames (H, W, 3) in BGR, before the encoder; arguments as for `render_video`."""
    time_s = frame_times(trace, rate_hz)
    scene = Scene(home, width_px, height_px)
    passer_by = PasserBy(home, scene.projection, scene.image, scene.depth)
    figure = Figure(sample_motion(trace, time_s), trace.person, scene.projection)
    light = Light(knobs, time_s, generator)
    grain = Grain(knobs["noise_sd"], width_px, height_px, len(time_s), generator)
    openings = {name: np.interp(time_s, trace.time_s, trace.opening[name]).tolist() for name in home.fixtures}
    strength = {name: np.interp(time_s, trace.time_s, signal).tolist() for name, signal in trace.distractor.items()}
    blur_px = float(knobs["blur_px"])
    for index, moment in enumerate(time_s.tolist()):
        scene.set_openings({name: values[index] for name, values in openings.items()})
        scene.set_daylight(float(light.daylight[index]))
        frame = scene.image.copy()
        for thing in scene.swaying:
            bent = strength[thing.name][index] * knobs[thing.name] if thing.name in strength else 0.0
            if bent > STILL_BELOW:
                draw_swaying(frame, thing, bent, moment, scene.depth)
        if "passer_by" in strength and strength["passer_by"][index] > STILL_BELOW:
            passer_by.draw(frame, strength["passer_by"][index], knobs["passer_by"], scene.depth)
        figure.draw(frame, index, scene.depth)
        if blur_px > 0:
            frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), blur_px), dtype=np.uint8)
        yield grain.apply(light.apply(frame, index), index)


def _encode(
    frames: Iterator[NDArray[np.uint8]], path: Path, *, width_px: int, height_px: int, rate_hz: float, qscale: int
) -> None:
    # Bit-exact muxing leaves out the library's version and the date: the same frames give the same bytes.
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=round(rate_hz))
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, "yuv420p"
        stream.codec_context.options = {
            "qmin": str(qscale),
            "qmax": str(qscale),
            "flags": "+bitexact",
            "threads": "1",
            "g": "60",
        }
        for picture in frames:
            planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode(None))
