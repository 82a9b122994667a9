"""Videos whose pictures carry their number, written with whatever stamps, containers and faults a test asks for.

Tests that need them load this file by its path.
"""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

TICK = Fraction(1, 90_000)
WIDTH, HEIGHT = 96, 72


def numbered(number, size=(WIDTH, HEIGHT)):
    """An RGB picture of 4 x 4 blocks, of which block b is bright where bit b of `number` is set."""
    width, height = size
    bits = np.array([number >> block & 1 for block in range(16)]).reshape(4, 4)
    grey = np.where(bits, 220, 40).astype(np.uint8)
    rows, columns = np.arange(height) * 4 // height, np.arange(width) * 4 // width
    return np.repeat(grey[rows][:, columns, None], 3, axis=2)


def number_of(picture):
    """The number that a (H, W) or (H, W, 3) picture shows."""
    grey = picture.astype(float).mean(axis=2) if picture.ndim == 3 else picture
    height, width = grey.shape
    centres = grey[((np.arange(4) + 0.5) * height / 4).astype(int)][:, ((np.arange(4) + 0.5) * width / 4).astype(int)]
    return int(sum(1 << block for block, bright in enumerate((centres > 130).ravel()) if bright))


def write_stamped(
    path,
    stamps,
    *,
    codec="libx264",
    pictures=None,
    container=None,
    rate=10,
    tick=TICK,
    size=(WIDTH, HEIGHT),
    options=None,
    gop=12,
    audio_s=None,
    file_options=None,
    aspect=None,
    prepare=None,
):
    """A video whose picture n is shown at `stamps[n]` seconds; `audio_s` adds silence from 0 to there.

    MPEG-4 knows no ticks of 1/90000 s, MPEG-2 none but its rate's, AVI places alone: `tick` is theirs.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = map(numbered, range(len(stamps))) if pictures is None else pictures
    with av.open(str(path), "w", format=container, options=file_options or {}) as file:
        stream = file.add_stream(codec, rate=rate, options={"g": str(gop), **(options or {})})
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.bit_rate = 2_000_000
        stream.codec_context.time_base = tick
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        if prepare is not None:
            prepare(stream)
        sound = silence(file, audio_s)
        for picture, stamp in zip(pictures, stamps, strict=True):
            sound(stamp)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = round(stamp / tick), tick
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
        sound(None)
    return path


def silence(file, until_s):
    """Adds a stream of silence to `file`, and gives back what writes it up to a second (None: to its end)."""
    if until_s is None:
        return lambda stamp: None
    stream = file.add_stream("aac", rate=16_000)
    written = 0

    def write(stamp):
        nonlocal written
        while written * 1024 / 16_000 < (until_s if stamp is None else min(stamp, until_s)):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16_000, written * 1024, Fraction(1, 16_000)
            file.mux(stream.encode(frame))
            written += 1
        if stamp is None:
            file.mux(stream.encode())

    return write


def remux(source, target, *, keep=lambda number: True, change=lambda number, data: data, file_options=None):
    """The video's packets `keep` by number, with their bytes changed; nothing is encoded again."""
    with av.open(str(source)) as old, av.open(str(target), "w", options=file_options or {}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        number = 0
        for packet in old.demux(video=0):
            if packet.size == 0:
                continue
            if keep(number):
                copy = av.Packet(change(number, bytes(packet)))
                copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
                copy.time_base, copy.is_keyframe, copy.stream = packet.time_base, packet.is_keyframe, stream
                new.mux(copy)
            number += 1
    return target


def noise_in(first, end, *, seed=0):
    """A change of packets [first, end): the second half of each is noise."""
    rng = np.random.default_rng(seed)

    def change(number, data):
        half = len(data) // 2
        return data[:half] + rng.bytes(len(data) - half) if first <= number < end else data

    return change
