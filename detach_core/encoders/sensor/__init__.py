"""Sensor encoders: (B, C, L) -> (B, dim). A new one is a module and a line here."""

from __future__ import annotations

from typing import Protocol

from torch import nn

from detach_core.encoders.sensor.cnn_gru import CnnGru
from detach_core.encoders.sensor.cnn_gru_attention import CnnGruAttention
from detach_core.encoders.sensor.transformer import ConvolutionTransformer
from detach_core.encoders.size import Size


class SensorEncoderClass(Protocol):
    """How every sensor encoder is built."""

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
