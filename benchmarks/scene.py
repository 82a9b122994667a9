"""A synthetic scene for benchmarks: a textured still background, moving textured patches, sensor noise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray


def scene(
    num_frames: int, *, size: tuple[int, int], patches: int = 6, noise: float = 2.0
) -> Iterator[NDArray[np.uint8]]:
    """RGB pictures (H, W, 3) of size (width, height)."""
    width, height = size
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 216, (height // 16 + 2, width // 16 + 2, 3)).astype(np.uint8)
    background = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    side = height // 5
    textures = [
        cv2.resize(rng.integers(0, 255, (8, 8, 3)).astype(np.uint8), (side, side), interpolation=cv2.INTER_CUBIC)
        for _ in range(patches)
    ]
    place = rng.uniform(0, 1, (patches, 2)) * [width - side, height - side]
    step = rng.uniform(-4, 4, (patches, 2)) * width / 640
    grain = rng.normal(0, noise, (8, height, width, 1))
    for number in range(num_frames):
        picture = background.copy()
        for texture, (left, top) in zip(textures, place.astype(int), strict=True):
            picture[top : top + side, left : left + side] = texture
        place += step
        outside = (place < 0) | (place > [width - side, height - side])
        step[outside] *= -1
        place = np.clip(place, 0, [width - side, height - side])
        yield np.clip(picture + np.roll(grain[number % 8], number, axis=1), 0, 255).astype(np.uint8)


def write_scene(path: Path, *, num_frames: int, hz: int, codec: str, size: tuple[int, int] = (640, 480)) -> None:
    """Encode the scene as a video file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=hz)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        if codec == "libx264":
            stream.options = {"crf": "23"}
        else:
            # Opportunity++ is 2.37 GB for 8 hours.
            stream.bit_rate = 650_000
        for picture in scene(num_frames, size=size):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
