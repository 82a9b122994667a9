"""t-SNE and neighbourhood purity of features (Figs. 7 and 9), and placement of activation maps (Fig. 8).

Rows are brought to unit length first, because cosine similarity is what every method contrasts. t-SNE keeps who is near
whom; distances between groups, their sizes and the axes mean nothing, so the share of alike neighbours is taken from
the features.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from detach_core.contracts.windows import Windows

MIN_WINDOWS = 5

TIE = 1e-9

Features = NDArray[np.floating[Any]]

Plane = NDArray[np.float64]


def spread_ids(ids: NDArray[np.int64], *, max_windows: int) -> NDArray[np.int64]:
    """At most `max_windows` of `ids`, in order and evenly spread over them."""
    if len(ids) <= max_windows:
        return ids
    return ids[np.linspace(0, len(ids) - 1, max_windows).round().astype(np.int64)]


def bounded_perplexity(perplexity: float, num_windows: int) -> float:
    """`perplexity`, but at most a third of the other windows."""
    return min(perplexity, (num_windows - 1) / 3.0)


def embedding_map(features: Features, *, perplexity: float) -> Plane:
    """t-SNE of the rows of `features` (N, D), started from their PCA: (N, 2), in the square from -1 to 1.

    Equal features and perplexity give equal bits, whatever the number of threads.

    Args:
        features: (N, D), no row zero.
        perplexity: how many neighbours a row has, roughly; see `bounded_perplexity`.

    Raises:
        ValueError: fewer than five rows, a row without direction, or rows that all point in one direction.
    """
    rows = _unit_rows(features)
    if len(rows) < MIN_WINDOWS:
        raise ValueError(f"a map needs at least {MIN_WINDOWS} windows, got {len(rows)}")
    if np.ptp(rows, axis=0).max() < 1e-6:
        raise ValueError(f"all {len(rows)} windows have the same feature: there is nothing to lay out")
    # One thread: sums in another order change last digits, and t-SNE makes another picture of them.
    with threadpool_limits(limits=1):
        start = PCA(n_components=2, svd_solver="full").fit_transform(rows)
        tsne = TSNE(
            perplexity=bounded_perplexity(perplexity, len(rows)),
            # As large as t-SNE expects a start to be: forces between far points vanish.
            init=(start / start[:, 0].std() * 1e-4).astype(np.float32),
            learning_rate="auto",
            random_state=0,  # from a given start nothing is drawn at random today
            n_jobs=1,
        )
        plane: Plane = tsne.fit_transform(rows).astype(np.float64)
    plane -= (plane.max(axis=0) + plane.min(axis=0)) / 2.0
    plane /= np.abs(plane).max()
    return plane


def alike_neighbours(
    features: Features, group: NDArray[np.integer[Any]], apart: NDArray[np.integer[Any]], *, neighbours: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N,) share of each row's nearest neighbours in its own group, and the share expected of random neighbours.

    Args:
        features: (N, D).
        group: (N,) what must be alike.
        apart: (N,) rows with the same number are no neighbours: windows of one gesture overlap, and would find each
            other in any features.
        neighbours: how many are compared, and all that are as near as the last; fewer where there are fewer, NaN where
            there are none.
    """
    rows = _unit_rows(features)
    similarity = rows @ rows.T
    other = apart[:, None] != apart
    similarity[~other] = -np.inf
    count = min(neighbours, len(rows))
    # Equal features (windows in which nothing changes) are equally near, whatever their order.
    last = np.partition(similarity, len(rows) - count, axis=1)[:, len(rows) - count]
    near = other & (similarity >= last[:, None] - TIE)
    alike = group[:, None] == group
    with np.errstate(invalid="ignore"):
        share = (alike & near).sum(axis=1) / near.sum(axis=1)
        expected = (alike & other).sum(axis=1) / other.sum(axis=1)
    return share, expected


def num_equal(features: Features) -> NDArray[np.int64]:
    """(N,) number of windows with the same feature as each row's, itself included."""
    _, kind, count = np.unique(_unit_rows(features).round(6), axis=0, return_inverse=True, return_counts=True)
    return np.asarray(count, dtype=np.int64)[kind.reshape(-1)]


def _unit_rows(features: Features) -> NDArray[np.float64]:
    rows = np.asarray(features, dtype=np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (length > 0.0).all():
        raise ValueError(f"row {int(np.argmin(length))} of the features is zero and has no direction")
    unit: NDArray[np.float64] = rows / length
    return unit


_LUMA = np.array([0.299, 0.587, 0.114])


class Pictures:
    """Frames and changes of single windows, read from the shards on demand."""

    def __init__(self, windows: Windows) -> None:
        """Args: windows: those of a dataset; their shards must be there."""
        self._windows = windows
        self._streams = windows.open_streams()

    def frames(self, window: int) -> NDArray[np.uint8]:
        """(F, H, W, 3)."""
        rgb, _ = self._streams[self._windows.recording[window]]
        first = int(self._windows.first_frame[window])
        return np.array(rgb[first : first + self._windows.frames_per_window])

    def change(self, window: int) -> NDArray[np.uint8]:
        """(F - 1, H, W): `brightness_change` of its frames."""
        return brightness_change(self.frames(window))


def brightness_change(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(F - 1, H, W) change in grey levels of each pixel from the last frame, beyond that of the whole picture.

    The picture's median change is taken off: the camera's exposure moves nothing.
    """
    difference = np.diff(grey_levels(frames), axis=0)
    difference -= np.median(difference, axis=(1, 2), keepdims=True)
    return np.rint(np.abs(difference)).clip(0, 255).astype(np.uint8)


def grey_levels(frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(..., H, W) brightness from 0 to 255 of pictures (..., H, W, 3)."""
    levels: NDArray[np.float64] = frames @ _LUMA
    return levels


Values = NDArray[np.float64]


# Below this range, relative to its largest value, a map is constant.
_FLAT = 1e-6


def placement(centres: Values, num_pixels: int) -> Values:
    """(num_pixels, cells) weights of linear interpolation between cells at their true `centres` (in pixels, rising).

    Strided convolutions with padding put their cells to one side of an even grid, ours by half a cell and more. Beyond
    the outermost centres the outermost cell goes on.
    """
    pixels = np.arange(num_pixels, dtype=np.float64)
    return np.stack([np.interp(pixels, centres, cell) for cell in np.eye(len(centres))], axis=1)


def enlarge(cells: Values, rows: Values, columns: Values) -> Values:
    """A map (T, h, w) bilinearly over the picture, (T, H, W), by the placements of its rows and columns."""
    enlarged: Values = np.einsum("yi,tij,xj->tyx", rows, cells, columns, optimize=True)
    return enlarged


def shrink(picture: Values, rows: Values, columns: Values) -> Values:
    """The mean of `picture` (T, H, W) under each cell's weights, (T, h, w)."""
    total = np.einsum("yi,tyx,xj->tij", rows, picture, columns, optimize=True)
    shrunk: Values = total / np.outer(rows.sum(axis=0), columns.sum(axis=0))
    return shrunk


def min_max(cells: Values) -> Values:
    """`cells` from 0 to 1 over all steps; all 1 where they do not differ, as an even map."""
    low, high = float(cells.min()), float(cells.max())
    if high - low <= _FLAT * max(abs(low), abs(high)):
        return np.ones_like(cells)
    return (cells - low) / (high - low)
