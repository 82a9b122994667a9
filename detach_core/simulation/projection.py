"""The fixed camera: room points to pixels, and pixels to rays. Pixel centres lie at whole numbers, as in OpenCV."""

from __future__ import annotations

import math
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from detach_core.simulation.home import Camera, Points

# Nearer than this (m) a point counts as behind the camera.
NEAR_M = 0.05
Region = tuple[int, int, int, int]


class Projection:
    """A camera at one image size."""

    def __init__(self, camera: Camera, width_px: int, height_px: int) -> None:
        self.camera = camera
        self.width_px, self.height_px = width_px, height_px
        self.focal_px = camera.focal * width_px
        self.position = np.asarray(camera.position, dtype=np.float64)
        forward = np.asarray(camera.look_at, dtype=np.float64) - self.position
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        self.rotation = np.stack([right, np.cross(forward, right), forward])
        self.matrix = np.array(
            [
                [self.focal_px, 0.0, (width_px - 1) / 2],
                [0.0, self.focal_px, (height_px - 1) / 2],
                [0.0, 0.0, 1.0],
            ]
        )
        self.distortion = np.asarray(camera.distortion, dtype=np.float64)
        self._rotation_vector = cv2.Rodrigues(self.rotation)[0]
        self._shift = -self.rotation @ self.position

    def project(self, points: Points) -> Points:
        """Pixel positions (..., 2) of room points (..., 3); points behind the camera have none: do not ask for them."""
        points = np.asarray(points, dtype=np.float64)
        flat = np.ascontiguousarray(points.reshape(-1, 1, 3))
        pixels, _ = cv2.projectPoints(flat, self._rotation_vector, self._shift, self.matrix, self.distortion)
        return np.asarray(pixels, dtype=np.float64).reshape(*points.shape[:-1], 2)

    def depth(self, points: Points) -> Points:
        """Distance (...) of room points (..., 3) along the camera's axis (m)."""
        return np.asarray((np.asarray(points, dtype=np.float64) - self.position) @ self.rotation[2])

    @cached_property
    def rays(self) -> NDArray[np.float32]:
        """Room direction (H, W, 3) of every pixel per metre of depth: position + depth * ray is the point seen."""
        columns, rows = np.meshgrid(np.arange(self.width_px), np.arange(self.height_px))
        pixels = np.stack([columns, rows], axis=-1).reshape(-1, 1, 2).astype(np.float64)
        plane = cv2.undistortPoints(pixels, self.matrix, self.distortion).reshape(-1, 2)
        directions = np.concatenate([plane, np.ones((len(plane), 1))], axis=1) @ self.rotation
        return np.asarray(directions.reshape(self.height_px, self.width_px, 3), dtype=np.float32)

    def region(self, points: Points, *, margin_px: int = 1, align: int = 1) -> Region:
        """Rows and columns (top, bottom, left, right) that hold room points (K, 3), grown to multiples of `align`."""
        if (self.depth(points) < NEAR_M).any():
            return 0, self.height_px, 0, self.width_px
        columns, rows = self.project(points).T.tolist()
        return (
            *_span(rows, self.height_px, margin_px, align),
            *_span(columns, self.width_px, margin_px, align),
        )


def _span(values: list[float], size: int, margin_px: int, align: int) -> tuple[int, int]:
    low = (math.floor(min(values)) - margin_px) // align * align
    high = -(-(math.ceil(max(values)) + 1 + margin_px) // align) * align
    return min(max(low, 0), size), min(max(high, 0), size)
