"""Normalisation: mean and standard deviation of each channel over all windows, bitwise equal to numpy's.

numpy adds many numbers in pairs: it halves them until few are left. Halving them here in the same way, until a piece
fits into memory, gives the same sum; so figures do not depend on how much memory there was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.rows import Rows, blocks
from detach_core.contracts.split import ChannelStatistics, Normalisation

_VALUES_AT_ONCE = 1 << 18

_NOT_HALVED = 128  # so many numbers or fewer numpy adds without halving them

_UNROLLED = 8  # and it halves at multiples of so many

PieceReader = Callable[[int, int], NDArray[np.float64]]


def channel_moments(windows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(mean (C,), standard deviation (C,)) of `windows` (N, C, L), in their units; 0 for a constant channel."""
    num_windows, channels, length = windows.shape
    count = num_windows * length
    at_once = max(_VALUES_AT_ONCE // channels, length)

    def piece(first: int, size: int) -> NDArray[np.float64]:
        low, end = first // length, -(-(first + size) // length)
        values = np.moveaxis(np.asarray(windows[low:end], dtype=np.float64), 1, 0).reshape(channels, -1)
        begin = first - low * length
        return values[:, begin : begin + size]

    lowest, highest = np.full(channels, np.inf), np.full(channels, -np.inf)

    def values(first: int, size: int) -> NDArray[np.float64]:
        found = piece(first, size)
        np.minimum(lowest, found.min(axis=1), out=lowest)
        np.maximum(highest, found.max(axis=1), out=highest)
        return found

    mean = pairwise_sum(values, count, at_once) / count

    def squares(first: int, size: int) -> NDArray[np.float64]:
        deviation = piece(first, size) - mean[:, None]
        return np.multiply(deviation, deviation, out=deviation)

    std = np.sqrt(pairwise_sum(squares, count, at_once) / count)
    # Rounding in the mean gives a constant channel a tiny deviation, and a division by it would be noise.
    return mean, np.where(highest == lowest, 0.0, std)


def pairwise_sum(read: PieceReader, count: int, at_once: int, first: int = 0) -> NDArray[np.float64]:
    """(C,) sums over time of C series, whose piece (C, size) `read(first, size)` returns.

    Args:
        read: gives a piece.
        count: how many values each series has from `first` on.
        at_once: the largest piece to read.
        first: where the sum begins.
    """
    if count <= max(at_once, _NOT_HALVED):
        return np.asarray(read(first, count).sum(axis=1))
    half = count // 2
    half -= half % _UNROLLED
    return pairwise_sum(read, half, at_once, first) + pairwise_sum(read, count - half, at_once, first + half)


# Turns a deviation of a third of a standard deviation into log1p(1): below it the form is linear, above it logarithmic.
DEVIATION_GAIN = 3.0

FloatArray = NDArray[np.float32] | NDArray[np.float64]


def fit(sensor: Rows, *, quantile: float, quiet: Sequence[int] = ()) -> Normalisation:
    """The statistics of `sensor` (N, C, L) in native units, and of its activation vectors in each form.

    The `z` form uses its activation vector as it is, so its statistics are mean 0 and deviation 1. Windows are read in
    pieces; what is held of all of them is the activation vectors, a number for each window and channel.

    Args:
        sensor: the windows.
        quantile: over time, of the activation.
        quiet: channels that are not to count in the activation: of deviation 0 in the `centred` form.

    Raises:
        ValueError: `sensor` is not (N, C, L), is empty, or holds values that are not finite.
    """
    _check(sensor)
    if not all(np.isfinite(piece).all() for _, piece in blocks(sensor)):
        raise ValueError("sensor windows hold values that are not finite")
    channels = sensor.shape[1]
    mean, std = channel_moments(sensor)
    identity = ChannelStatistics(np.zeros(channels), np.ones(channels))
    start = Normalisation(mean, std, {"centred": identity, "z": identity})
    strength = np.concatenate(
        [activation_vector(piece, start, form="centred", quantile=quantile) for _, piece in blocks(sensor)]
    )
    centred = _statistics(strength.T)
    centred.std[list(quiet)] = 0.0
    return Normalisation(start.mean, start.std, {"centred": centred, "z": identity})


def apply_form(sensor: FloatArray, normalisation: Normalisation, form: str) -> NDArray[np.float64]:
    """The normal form of `sensor` (N, C, L); the median of an even number of values is the mean of the middle two.

    Raises:
        ValueError: `sensor` does not fit the statistics, or `form` is neither `centred` nor `z`.
    """
    _check(sensor, channels=len(normalisation.mean))
    sensor = sensor.astype(np.float64)
    if form == "centred":
        deviation = sensor - np.median(sensor, axis=2, keepdims=True)
    elif form == "z":
        deviation = sensor - normalisation.mean[:, None]
    else:
        raise ValueError(f"form must be 'centred' or 'z', got {form!r}")
    return _divide(deviation, normalisation.std[:, None])


def activation_vector(
    sensor: FloatArray, normalisation: Normalisation, *, form: str, quantile: float
) -> NDArray[np.float64]:
    """Strength of the movement of each channel in each window, (N, C), from native `sensor` (N, C, L).

    `z`: the quantile over time of the absolute value. `centred`: `log1p(3 quantile)`, standardised per channel.

    Raises:
        ValueError: as `apply_form`.
    """
    strength = np.quantile(np.abs(apply_form(sensor, normalisation, form)), quantile, axis=2)
    if form == "centred":
        strength = np.log1p(DEVIATION_GAIN * strength)
    statistics = normalisation.activation[form]
    return _divide(strength - statistics.mean, statistics.std)


def equal_windows(sensor: Rows, normalisation: Normalisation, form: str) -> NDArray[np.int64]:
    """(N,) first window with the same normal form, in float32, as each window of `sensor` (N, C, L).

    No network can distinguish such windows by their normal form.

    Raises:
        ValueError: as `apply_form`.
    """
    first: dict[bytes, int] = {}
    found = []
    for start, piece in blocks(sensor):
        # Adding nothing makes minus zero zero.
        for row, values in enumerate(apply_form(piece, normalisation, form).astype(np.float32) + np.float32(0.0)):
            found.append(first.setdefault(blake2b(values.tobytes()).digest(), start + row))
    return np.array(found, dtype=np.int64)


def _statistics(values: NDArray[np.float64]) -> ChannelStatistics:
    # Rounding in the mean gives a constant channel a tiny deviation, and a division by it would be noise.
    constant = np.ptp(values, axis=1) == 0.0
    return ChannelStatistics(values.mean(axis=1), np.where(constant, 0.0, values.std(axis=1)))


def _divide(values: NDArray[np.float64], std: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(values, std, out=np.zeros_like(values), where=std > 0.0)


def _check(sensor: Rows, channels: int | None = None) -> None:
    if len(sensor.shape) != 3 or 0 in sensor.shape or (channels is not None and sensor.shape[1] != channels):
        raise ValueError(f"expected windows of shape (N, {channels or 'C'}, L), got {sensor.shape}")
