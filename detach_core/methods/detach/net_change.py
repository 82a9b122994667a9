"""Net change of a window: the difference between its end and its start, in the sensors and before a fixed camera.

What opens and what closes at one place differ in the sign of what they leave behind. That sign is seen without any
label or training, so it can say which pairs of windows show one action (T of Eq. 9), and it is a cue for the temporal
sensor encoder, as the activation is for the spatial one (Sec. 3.1). Not in the paper.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, normalize

from detach_core.encoders.sensor_networks import GAIN
from detach_core.methods.batch import WindowsAccess, all_sensors

TREND = ("last - first", "slope")
"""Numbers of a channel's trend."""

CELL_PX = 4
"""Side of the cells that flow and brightness are averaged over; noise of single pixels is left out."""

FLOW_CHANNELS = 2


def sensor_trend(sensor: Tensor) -> Tensor:
    """The numbers that TREND names for each channel, (B, 2 C), of windows (B, C, L); an offset has no effect.

    The slope is per window length. Values are sign(v) log(1 + 3 |v|), which levels switches and accelerometers.

    Raises:
        ValueError: windows of another shape, or of a single sample.
    """
    if sensor.ndim != 3 or sensor.shape[-1] < 2:
        raise ValueError(f"expected windows (B, C, L) with L of at least 2, got {tuple(sensor.shape)}")
    time = torch.linspace(-0.5, 0.5, sensor.shape[-1], dtype=sensor.dtype, device=sensor.device)
    difference = sensor[..., -1] - sensor[..., 0]
    slope = ((sensor - sensor[..., :1]) * time).sum(dim=-1) / time.square().sum()
    value = torch.cat([difference, slope], dim=-1)
    return value.sign() * torch.log1p(GAIN * value.abs())


def flow_sum(motion: Tensor) -> Tensor:
    """Way that each cell of the picture has gone over the window, (B, 2 h w), from motion (B, 5, F - 1, H, W).

    Raises:
        ValueError: motion of another shape.
    """
    _check_motion(motion)
    return _cells(motion[:, -FLOW_CHANNELS:].sum(dim=2)).flatten(1)


def grey_change(motion: Tensor) -> Tensor:
    """Last minus first picture in grey, (B, h w), from motion (B, 5, F - 1, H, W), without its median.

    The differences of consecutive pictures add up to it. The median is what a lamp or a cloud has changed everywhere.

    Raises:
        ValueError: motion of another shape.
    """
    _check_motion(motion)
    change = _cells(motion[:, :-FLOW_CHANNELS].sum(dim=2).mean(dim=1, keepdim=True)).flatten(1)
    return change - change.median(dim=1, keepdim=True).values


def _check_motion(motion: Tensor) -> None:
    if motion.ndim != 5 or motion.shape[1] <= FLOW_CHANNELS:
        raise ValueError(f"expected motion (B, 5, F - 1, H, W), got {tuple(motion.shape)}")


def _cells(picture: Tensor) -> Tensor:
    """Means (B, C, h, w) over cells of (B, C, H, W); those at the border may be smaller."""
    return avg_pool2d(picture, CELL_PX, ceil_mode=True)


def net_change_similarity(parts: Sequence[Tensor]) -> Tensor:
    """Similarity T of windows by their net change: the mean of the cosines (N, N) of each part. Range [-1, 1].

    Windows of one place that did the same have positive values, windows that undid it negative ones. A part that
    changed nothing is similar to nothing.

    Note (differs from paper): it takes the place of Eq. 9, whose learned features hardly tell the actions of one place
    apart. The camera must not move.

    Args:
        parts: each (N, d), of any length.

    Raises:
        ValueError: no part, or parts of different N.
    """
    if not parts or len({len(part) for part in parts}) > 1:
        raise ValueError(f"expected parts of one number of windows, got {[tuple(part.shape) for part in parts]}")
    units = [normalize(part, dim=1) for part in parts]
    return (torch.stack([unit @ unit.T for unit in units]).mean(dim=0)).clamp(-1.0, 1.0)


class StandardTrend(nn.Module):
    """(B, C, L) -> (B, 2 C): `sensor_trend`, standardised over the pretraining windows; a constant number gives 0."""

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(len(TREND) * channels))
        self.register_buffer("std", torch.ones(len(TREND) * channels))

    @torch.no_grad()
    def fit(self, sensor: Tensor) -> None:
        """Mean and deviation of each number over windows (N, C, L)."""
        trend = sensor_trend(sensor)
        self.mean.copy_(trend.mean(dim=0))
        # Rounding in the mean gives a constant number a tiny deviation, and a division by it would be noise.
        constant = trend.amax(dim=0) == trend.amin(dim=0)
        self.std.copy_(torch.where(constant, torch.zeros_like(self.std), trend.std(dim=0, correction=0)))

    def forward(self, sensor: Tensor) -> Tensor:
        """Trend (B, 2 C) of windows (B, C, L)."""
        varies = self.std > 0
        scaled = (sensor_trend(sensor) - self.mean) / torch.where(varies, self.std, torch.ones_like(self.std))
        return torch.where(varies, scaled, torch.zeros_like(scaled))


class CuedEncoder(nn.Module):
    """(B, C, L) -> (B, dim): a temporal sensor encoder plus a projection of the trend, added element by element."""

    def __init__(self, encoder: nn.Module, *, channels: int, dim: int) -> None:
        super().__init__()
        self.encoder, self.trend = encoder, StandardTrend(channels)
        self.projection = nn.Linear(len(TREND) * channels, dim)

    def forward(self, sensor: Tensor) -> Tensor:
        """Feature (B, dim) of windows (B, C, L) in normal form."""
        feature: Tensor = self.encoder(sensor) + self.projection(self.trend(sensor))
        return feature


def net_change(trend: StandardTrend, sensor: Tensor, motion: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three parts of a batch's net change, (B, d) each: sensors' trend, flow, brightness.

    Args:
        trend: fitted.
        sensor: (B, C, L) in normal form.
        motion: (B, 5, F - 1, H, W).
    """
    return trend(sensor), flow_sum(motion), grey_change(motion)


def fit_trends(network: nn.Module, windows: WindowsAccess) -> None:
    """Standardisation of every trend within `network` over the pretraining windows, which are read only for one."""
    trends = [module for module in network.modules() if isinstance(module, StandardTrend)]
    if trends:
        sensor = all_sensors(windows)
        for trend in trends:
            trend.fit(sensor)
