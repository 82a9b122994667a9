"""Normal form of a sensor window, and its activation vector (Secs. 3.1 and 4; docs/choices.md, "Input form").

`centred`: the deviation from the window's own median over time, in standard deviations of the pretraining windows.
`z`: the paper's z-score. A channel that is constant over the pretraining windows is 0 in both forms.
The activation vector says how strongly each channel moved: a high quantile over time of the absolute value.
Arrays are (N, C, L): windows, channels, time. These functions are the reference of the torch code in the encoders.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from detach_core.contracts.rows import Rows, blocks
from detach_core.contracts.split import ChannelStatistics, Normalisation
from detach_core.signals.channel_moments import channel_moments

# Turns a deviation of a third of a standard deviation into log1p(1): below it the form is linear, above it logarithmic.
DEVIATION_GAIN = 3.0

FloatArray = NDArray[np.float32] | NDArray[np.float64]


def fit(sensor: Rows, *, quantile: float) -> Normalisation:
    """The statistics of `sensor` (N, C, L) in native units, and of its activation vectors in each form.

    The `z` form uses its activation vector as it is, so its statistics are mean 0 and deviation 1. Windows are read in
    pieces; what is held of all of them is the activation vectors, a number for each window and channel.

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
    return Normalisation(start.mean, start.std, {"centred": _statistics(strength.T), "z": identity})


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
    """(N,) the first window that has the same values in normal form as each of `sensor` (N, C, L), as float32.

    No network that is given the normal form tells such windows apart.

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
