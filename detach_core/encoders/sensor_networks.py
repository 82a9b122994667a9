"""Sensor encoders: temporal (Sec. 3.2; Table 6 A to C), and spatial with the channels' activation (Sec. 3.1)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from detach_core.encoders.blocks import Size, for_size

KERNELS = (5, 3, 3)

DILATIONS = (1, 2, 4)

POOLS = (2, 2, 1)


class SameConvolutions(nn.Module):
    """(B, C, L) -> (B, width, L // 4): three convolutions of growing dilation with BatchNorm and ReLU."""

    def __init__(self, channels: int, widths: tuple[int, int, int], length: int) -> None:
        """Args: channels, length: of a window; widths: channels after each convolution.

        Raises:
            ValueError: for windows shorter than four samples.
        """
        super().__init__()
        if length < 4:
            raise ValueError(f"a window of {length} samples is too short for the convolutions; at least 4")
        blocks: list[nn.Module] = []
        wide = channels
        for kernel, dilation, pool, narrow in zip(KERNELS, DILATIONS, POOLS, widths, strict=True):
            # BatchNorm subtracts the mean, so a bias would have no effect.
            convolution = nn.Conv1d(wide, narrow, kernel, dilation=dilation, padding="same", bias=False)
            blocks += [convolution, nn.BatchNorm1d(narrow), nn.ReLU(inplace=True)]
            if pool > 1:
                blocks.append(nn.MaxPool1d(pool))
            wide = narrow
        self.blocks = nn.Sequential(*blocks)

    def forward(self, sensor: Tensor) -> Tensor:
        """Features (B, width, L // 4) of windows (B, C, L)."""
        features: Tensor = self.blocks(sensor)
        return features


CNN_GRU_KERNELS = (5, 3, 3)

CNN_GRU_DILATION = 2

CNN_GRU_GROUPS = 4


@dataclass(frozen=True)
class CnnGruWidths:
    """Channels after each convolution, and the steps that the GRU reads."""

    convolutions: tuple[int, int, int]
    steps: int


CNN_GRU_PAPER = CnnGruWidths(convolutions=(32, 64, 64), steps=32)

CNN_GRU_SMALL = CnnGruWidths(convolutions=(32, 32, 32), steps=8)


class CnnGru(nn.Module):
    """(B, C, L) -> (B, dim): three dilated convolutions, group normalisation, the last state of a GRU."""

    def __init__(self, *, channels: int, length: int, dim: int, size: Size) -> None:
        """Args: channels, length: of a window; dim: of the feature.

        Raises:
            ValueError: for an unknown size or windows too short for the convolutions.
        """
        super().__init__()
        widths = for_size(size, small=CNN_GRU_SMALL, paper=CNN_GRU_PAPER)
        if convolved_length(length) < 1:
            raise ValueError(f"a window of {length} samples is too short for the convolutions of cnn_gru; at least 36")
        blocks: list[nn.Module] = []
        wide = channels
        for index, (kernel, narrow) in enumerate(zip(CNN_GRU_KERNELS, widths.convolutions, strict=True)):
            blocks += [
                nn.Conv1d(wide, narrow, kernel, dilation=CNN_GRU_DILATION, bias=False),
                nn.ReLU(inplace=True),
                nn.BatchNorm1d(narrow),
            ]
            blocks.append(nn.MaxPool1d(2) if index < 2 else nn.AdaptiveAvgPool1d(widths.steps))
            wide = narrow
        self.convolutions = nn.Sequential(*blocks)
        self.normalisation = nn.GroupNorm(CNN_GRU_GROUPS, wide)
        self.recurrence = nn.GRU(wide, dim, batch_first=True)

    def forward(self, sensor: Tensor) -> Tensor:
        """Feature (B, dim) of windows (B, C, L)."""
        steps = self.normalisation(self.convolutions(sensor)).transpose(1, 2)
        feature: Tensor = self.recurrence(steps)[1][-1]
        return feature


def convolved_length(length: int) -> int:
    """Number of steps left of `length` samples before the adaptive pooling; below 1 if there are none."""
    for index, kernel in enumerate(CNN_GRU_KERNELS):
        length -= (kernel - 1) * CNN_GRU_DILATION
        if index < 2:
            length //= 2
    return length


ATTENTION_GROUPS = 8


@dataclass(frozen=True)
class AttentionWidths:
    """Channels after each convolution, and the GRU's state in each direction."""

    convolutions: tuple[int, int, int]
    hidden: int


ATTENTION_PAPER = AttentionWidths(convolutions=(32, 64, 128), hidden=256)

ATTENTION_SMALL = AttentionWidths(convolutions=(32, 32, 64), hidden=32)


class CnnGruAttention(nn.Module):
    """(B, C, L) -> (B, dim): convolutions, GRU in both directions, attention and mean over time, projection."""

    def __init__(self, *, channels: int, length: int, dim: int, size: Size) -> None:
        """Args: channels, length: of a window; dim: of the feature.

        Raises:
            ValueError: for an unknown size or windows too short for the convolutions.
        """
        super().__init__()
        widths = for_size(size, small=ATTENTION_SMALL, paper=ATTENTION_PAPER)
        self.convolutions = SameConvolutions(channels, widths.convolutions, length)
        self.normalisation = nn.GroupNorm(ATTENTION_GROUPS, widths.convolutions[-1])
        self.recurrence = nn.GRU(widths.convolutions[-1], widths.hidden, batch_first=True, bidirectional=True)
        width = 2 * widths.hidden
        self.query_key_value = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, dim)

    def forward(self, sensor: Tensor) -> Tensor:
        """Feature (B, dim) of windows (B, C, L)."""
        steps, _ = self.recurrence(self.normalisation(self.convolutions(sensor)).transpose(1, 2))
        query, key, value = self.query_key_value(steps).chunk(3, dim=-1)
        attended = scaled_dot_product_attention(query, key, value)
        feature: Tensor = self.projection(attended.mean(dim=1))
        return feature


LAYERS = 2

HEADS = 4

DROPOUT = 0.1


@dataclass(frozen=True)
class TransformerWidths:
    """Channels after each convolution (the last is the Transformer's width), and its feed-forward width."""

    convolutions: tuple[int, int, int]
    feed_forward: int


TRANSFORMER_PAPER = TransformerWidths(convolutions=(32, 64, 128), feed_forward=512)

TRANSFORMER_SMALL = TransformerWidths(convolutions=(32, 32, 64), feed_forward=128)


class ConvolutionTransformer(nn.Module):
    """(B, C, L) -> (B, dim): convolutions, sinusoidal positions, pre-norm Transformer, mean over time, projection."""

    position: Tensor

    def __init__(self, *, channels: int, length: int, dim: int, size: Size) -> None:
        """Args: channels, length: of a window; dim: of the feature.

        Raises:
            ValueError: for an unknown size or windows too short for the convolutions.
        """
        super().__init__()
        widths = for_size(size, small=TRANSFORMER_SMALL, paper=TRANSFORMER_PAPER)
        width = widths.convolutions[-1]
        self.convolutions = SameConvolutions(channels, widths.convolutions, length)
        self.register_buffer("position", sinusoidal_positions(length // 4, width), persistent=False)
        self.layers = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    width, HEADS, widths.feed_forward, DROPOUT, activation="gelu", batch_first=True, norm_first=True
                )
                for _ in range(LAYERS)
            ),
            nn.LayerNorm(width),
        )
        self.projection = nn.Linear(width, dim)

    def forward(self, sensor: Tensor) -> Tensor:
        """Feature (B, dim) of windows (B, C, L).

        Raises:
            ValueError: for windows of another length than the encoder was built for.
        """
        steps = self.convolutions(sensor).transpose(1, 2)
        if steps.shape[1:] != self.position.shape:
            raise ValueError(f"built for windows that give {len(self.position)} steps, got {steps.shape[1]}")
        feature: Tensor = self.projection(self.layers(steps + self.position).mean(dim=1))
        return feature


def sinusoidal_positions(steps: int, width: int) -> Tensor:
    """Sines (even columns) and cosines (odd columns) of wavelengths from 2 pi to 10000 * 2 pi steps: (steps, width)."""
    time = torch.arange(steps, dtype=torch.float32)[:, None]
    rate = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * (-math.log(10000.0) / width))
    position = torch.zeros(steps, width)
    position[:, 0::2] = torch.sin(time * rate)
    position[:, 1::2] = torch.cos(time * rate)
    return position


class SensorEncoderClass(Protocol):
    """Constructor of every temporal sensor encoder."""

    def __call__(self, *, channels: int, length: int, dim: int, size: Size) -> nn.Module:
        """An encoder of windows with `channels` x `length` samples into `dim` numbers."""


SENSOR_ENCODERS: dict[str, SensorEncoderClass] = {
    "cnn_gru": CnnGru,
    "transformer": ConvolutionTransformer,
    "cnn_gru_attention": CnnGruAttention,
}


def build_sensor_encoder(name: str, *, channels: int, length: int, dim: int, size: Size) -> nn.Module:
    """The encoder called `name` (Table 6: A `cnn_gru`, B `transformer`, C `cnn_gru_attention`).

    Raises:
        ValueError: for an unknown name or size, or windows too short for the encoder.
    """
    if name not in SENSOR_ENCODERS:
        raise ValueError(f"sensor encoder must be one of {', '.join(SENSOR_ENCODERS)}, got {name!r}")
    return SENSOR_ENCODERS[name](channels=channels, length=length, dim=dim, size=size)


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
        """Compute mean and std from windows (N, C, L) in normal form, for modes that split.json does not cover."""
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
