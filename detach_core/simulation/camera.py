"""Video of a fixed camera in a home: frames of a trace, their light, noise and encoding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from detach_core.foundation.files import atomic_path
from detach_core.simulation.home import Home
from detach_core.simulation.person_drawing import PersonDrawing, sample_body_motion
from detach_core.simulation.registry import CameraSettings
from detach_core.simulation.scene import PasserBy, Scene, draw_swaying
from detach_core.simulation.trace import Array, Trace

LEVELS = np.arange(256, dtype=np.float32)


# Slow daylight is a sum of waves of these lengths (s).
DRIFT_S = (47.0, 83.0, 151.0)

EXPOSURE_S = 2.5


# Grain is cut at random places from a tile this much larger than the frame (px).
TILE_MARGIN_PX = 64


class Light:
    """The light of every frame: `gain` (F, 3) of the channels and `daylight` (F,) in 0..1."""

    def __init__(self, settings: CameraSettings, time_s: Array, generator: np.random.Generator) -> None:
        frames = len(time_s)
        waves = np.stack([np.sin(2 * np.pi * (time_s / length + generator.random())) for length in DRIFT_S])
        drift = waves.mean(axis=0)
        colour = 1 + 0.25 * settings.light_drift * drift[:, None] * np.array([-1.0, 0.0, 1.0])
        rate = 1.0 / (time_s[1] - time_s[0]) if frames > 1 else 1.0
        keep = np.exp(-1.0 / (EXPOSURE_S * rate))
        pushes = generator.standard_normal(frames) * np.sqrt(1 - keep**2)
        wobble = np.zeros(frames)
        for index in range(1, frames):
            wobble[index] = keep * wobble[index - 1] + pushes[index]
        flicker = generator.standard_normal(frames)
        level = 1 + settings.light_drift * drift + settings.exposure_wobble * wobble + settings.flicker * flicker
        self.gain = (colour * np.clip(level, 0.5, 1.5)[:, None]).astype(np.float32)
        self.daylight = np.clip(0.5 + 0.5 * waves[0] * waves[2] + 0.3 * waves[1], 0, 1) * settings.daylight

    def apply(self, frame: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        """`frame` (H, W, 3) under the light of frame `index`."""
        table = np.clip(LEVELS[:, None] * self.gain[index], 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(frame, table[None]), dtype=np.uint8)


class Grain:
    """Image sensor noise, cut from one precomputed tile for speed."""

    def __init__(self, sd: float, width_px: int, height_px: int, frames: int, generator: np.random.Generator) -> None:
        shape = (height_px + TILE_MARGIN_PX, width_px + TILE_MARGIN_PX, 3)
        tile = np.round(generator.standard_normal(shape, dtype=np.float32) * np.float32(sd))
        self._up = np.clip(tile, 0, 255).astype(np.uint8)
        self._down = np.clip(-tile, 0, 255).astype(np.uint8)
        self._offsets = generator.integers(0, TILE_MARGIN_PX, (frames, 2))
        self._off = sd <= 0

    def apply(self, frame: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        """`frame` (H, W, 3) with the grain of frame `index`."""
        if self._off:
            return frame
        top, left = self._offsets[index]
        rows, columns = slice(top, top + frame.shape[0]), slice(left, left + frame.shape[1])
        brighter = cv2.add(frame, self._up[rows, columns])
        return np.asarray(cv2.subtract(brighter, self._down[rows, columns]), dtype=np.uint8)


# A distractor weaker than this is not drawn.
STILL_BELOW = 0.02


def frame_times(trace: Trace, rate_hz: float) -> Array:
    """The times (F,) of the frames: i / rate_hz before the trace's end."""
    return np.arange(int(np.ceil(trace.duration_s * rate_hz - 1e-6))) / rate_hz


def render_video(
    trace: Trace,
    home: Home,
    path: Path,
    *,
    rate_hz: float,
    settings: CameraSettings,
    generator: np.random.Generator,
) -> None:
    """Write the video of `trace` in `home` to `path` (MPEG-4), at `rate_hz` frames a second.

    The same arguments give the same bytes.
    """
    frames = render_frames(trace, home, rate_hz=rate_hz, settings=settings, generator=generator)
    with atomic_path(path) as partial:
        _encode(frames, partial, rate_hz=rate_hz, settings=settings)


def render_frames(
    trace: Trace,
    home: Home,
    *,
    rate_hz: float,
    settings: CameraSettings,
    generator: np.random.Generator,
) -> Iterator[NDArray[np.uint8]]:
    """The frames (H, W, 3) in BGR, before the encoder; arguments as for `render_video`."""
    time_s = frame_times(trace, rate_hz)
    width_px, height_px = settings.image_px
    scene = Scene(home, width_px, height_px)
    passer_by = PasserBy(home, scene.projection, scene.image, scene.depth)
    figure = PersonDrawing(sample_body_motion(trace, time_s), trace.person, scene.projection)
    light = Light(settings, time_s, generator)
    grain = Grain(settings.noise_sd, width_px, height_px, len(time_s), generator)
    openings = {name: np.interp(time_s, trace.time_s, trace.opening[name]).tolist() for name in home.fixtures}
    strength = {name: np.interp(time_s, trace.time_s, signal).tolist() for name, signal in trace.distractor.items()}
    blur_px = settings.blur_px
    for index, moment in enumerate(time_s.tolist()):
        scene.set_openings({name: values[index] for name, values in openings.items()})
        scene.set_daylight(float(light.daylight[index]))
        frame = scene.image.copy()
        for thing in scene.swaying:
            bent = strength[thing.name][index] * settings.sway(thing.name) if thing.name in strength else 0.0
            if bent > STILL_BELOW:
                draw_swaying(frame, thing, bent, moment, scene.depth)
        if "passer_by" in strength and strength["passer_by"][index] > STILL_BELOW:
            passer_by.draw(frame, strength["passer_by"][index], settings.passer_by, scene.depth)
        figure.draw(frame, index, scene.depth)
        if blur_px > 0:
            frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), blur_px), dtype=np.uint8)
        yield grain.apply(light.apply(frame, index), index)


def _encode(frames: Iterator[NDArray[np.uint8]], path: Path, *, rate_hz: float, settings: CameraSettings) -> None:
    # Bit-exact muxing leaves out the library's version and the date: the same frames give the same bytes.
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=round(rate_hz))
        (stream.width, stream.height), stream.pix_fmt = settings.image_px, "yuv420p"
        stream.codec_context.options = {
            "qmin": str(settings.qscale),
            "qmax": str(settings.qscale),
            "flags": "+bitexact",
            "threads": "1",
            "g": "60",
        }
        for picture in frames:
            planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode(None))
