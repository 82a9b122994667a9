"""Spatial sensor encoder: the base encoder's feature plus the activation of each channel (Sec. 3.1)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from detach_core.encoders.blocks import Size
from detach_core.encoders.sensor_temporal import CnnGru

Form = Literal["centred", "z"]

Mode = Literal["abs", "signed", "range"]


# Deviations from rest span orders of magnitude between an accelerometer's tremble and a switch; the logarithm levels
# them.
GAIN = 3.0


class ActivationVector(nn.Module):
    """(B, C, L) in normal form -> (B, C): a high quantile over time of each channel.

    Form `z`: the quantile as it is, as the paper has it. Form `centred` (deviation from the window's median): log1p(3
    q), standardised per channel with the pretraining windows' mean and std. A channel of std 0 gives 0.

    Note (differs from paper): the paper says "signal values"; `abs` is the authors' code, `signed` the words, `range`
    the spread between the quantile and its mirror. `signed` values keep their sign through the logarithm.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int, *, form: Form, mode: Mode, quantile: float) -> None:
        """Args: form, mode: as above; quantile: within [0.5, 1], the paper's is 0.99.

        Raises:
            ValueError: for an unknown form or mode, or a quantile outside [0.5, 1].
        """
        super().__init__()
        if form not in ("centred", "z"):
            raise ValueError(f"form must be 'centred' or 'z', got {form!r}")
        if mode not in ("abs", "signed", "range"):
            raise ValueError(f"mode must be 'abs', 'signed' or 'range', got {mode!r}")
        if not 0.5 <= quantile <= 1.0:
            raise ValueError(f"quantile must be within [0.5, 1], got {quantile}")
        self.form, self.mode, self.quantile = form, mode, quantile
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))

    def set_statistics(self, statistics: Mapping[str, Sequence[float]]) -> None:
        """Take per-channel `mean` and `std` of the pretraining windows from split.json; only `centred` uses them.

        Raises:
            ValueError: if there is not one of each for every channel.
        """
        mean = torch.as_tensor(statistics["mean"], dtype=torch.float32)
        std = torch.as_tensor(statistics["std"], dtype=torch.float32)
        if mean.shape != self.mean.shape or std.shape != self.std.shape:
            raise ValueError(
                f"expected {len(self.mean)} means and stds, got {tuple(mean.shape)} and {tuple(std.shape)}"
            )
        self.mean.copy_(mean)
        self.std.copy_(std)

    @torch.no_grad()
    def fit_statistics(self, sensor: Tensor) -> None:
        """Take mean and std from windows (N, C, L) in normal form, for modes that split.json has none of."""
        intensity = self.intensity(sensor)
        self.mean.copy_(intensity.mean(dim=0))
        self.std.copy_(intensity.std(dim=0, correction=0))

    def intensity(self, sensor: Tensor) -> Tensor:
        """The quantile (B, C) before it is standardised; in the `centred` form its logarithm.

        Raises:
            ValueError: for another number of channels.
        """
        if sensor.ndim != 3 or sensor.shape[1] != len(self.mean):
            raise ValueError(f"expected windows (B, {len(self.mean)}, L), got {tuple(sensor.shape)}")
        if self.mode == "range":
            value = upper_quantile(sensor, self.quantile) + upper_quantile(-sensor, self.quantile)
        else:
            value = upper_quantile(sensor.abs() if self.mode == "abs" else sensor, self.quantile)
        return value if self.form == "z" else value.sign() * torch.log1p(GAIN * value.abs())

    def forward(self, sensor: Tensor) -> Tensor:
        """Activation (B, C) of windows (B, C, L)."""
        value = self.intensity(sensor)
        if self.form == "z":
            return value
        active = self.std > 0
        scaled = (value - self.mean) / torch.where(active, self.std, torch.ones_like(self.std))
        return torch.where(active, scaled, torch.zeros_like(scaled))


def upper_quantile(value: Tensor, quantile: float) -> Tensor:
    """The `quantile` over the last axis, linearly interpolated as numpy's; only the largest values are sorted."""
    place = quantile * (value.shape[-1] - 1)
    # Half a millionth of a sample: 0.99 * 100 must be sample 99 and not just below it.
    below = math.floor(place + 5e-7)
    share = max(place - below, 0.0)
    largest = value.topk(value.shape[-1] - below, dim=-1).values
    return largest[..., -1] if share == 0.0 else torch.lerp(largest[..., -1], largest[..., -2], share)


class SensorSpatial(nn.Module):
    """(B, C, L) -> (B, dim): E_ss(x) + P_q(activation of x), added element by element."""

    def __init__(
        self,
        *,
        channels: int,
        length: int,
        dim: int,
        size: Size,
        normalisation: Mapping[str, Sequence[float]] | None,
        form: Form,
        quantile: float,
        mode: Mode,
    ) -> None:
        """Args: normalisation: this form's activation `mean` and `std` (split.json); None if a checkpoint brings them.

        Raises:
            ValueError: see `CnnGru` and `ActivationVector`.
        """
        super().__init__()
        self.base = CnnGru(channels=channels, length=length, dim=dim, size=size)
        self.activation = ActivationVector(channels, form=form, mode=mode, quantile=quantile)
        if normalisation is not None:
            self.activation.set_statistics(normalisation)
        self.projection = nn.Linear(channels, dim)

    def forward(self, sensor: Tensor) -> Tensor:
        """Feature (B, dim) of windows (B, C, L) in normal form."""
        feature: Tensor = self.base(sensor) + self.projection(self.activation(sensor))
        return feature
