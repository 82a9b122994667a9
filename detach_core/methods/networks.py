"""DETACH's networks from their settings: shared by its two stages and by the controls that take them over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from detach_core.encoders.sensor import build_sensor_encoder
from detach_core.encoders.sensor.spatial import SensorSpatial
from detach_core.encoders.video.temporal_cnn3d import TemporalCnn3d
from detach_core.methods.batch import SENSOR, InputShape, WindowsAccess
from detach_core.methods.method import ActivationStatistics


def sensor_spatial(
    settings: Mapping[str, Any], shape: InputShape, activation: ActivationStatistics, *, mode: str
) -> SensorSpatial:
    """E_ss with the projection of the activation vector; `mode` is what that vector is a quantile of."""
    return SensorSpatial(
        channels=shape.channels,
        length=shape.length,
        dim=settings["encoders"]["dim"],
        size=settings["encoders"]["size"],
        normalisation=activation,
        form=settings["input"]["form"],
        quantile=settings["input"]["activation_quantile"],
        mode=mode,  # type: ignore[arg-type]
    )


def fit_activation(network: SensorSpatial, windows: WindowsAccess) -> None:
    """Standardise the activation vector of a mode that the split has no statistics of."""
    if network.activation.form == "centred" and network.activation.mode != "abs":
        network.activation.fit_statistics(all_sensors(windows))


@torch.no_grad()
def calibrate_batch_norm(network: nn.Module, windows: WindowsAccess) -> None:
    """Give BatchNorm of a sensor network the statistics of all pretraining windows, then evaluation mode."""
    layers = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    usual = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # every batch counts alike
    network.train()
    for batch in windows.batches("pretrain", modalities={SENSOR}):
        network(required(batch.sensor))
    network.eval()
    for layer, momentum in zip(layers, usual, strict=True):
        layer.momentum = momentum


@torch.no_grad()
def clean_feature(network: nn.Module, windows: WindowsAccess, position: Tensor) -> Tensor:
    """Features (B, d) of pretraining windows without augmentation and in evaluation mode; the mode is put back."""
    was_training = network.training
    network.eval()
    batch = windows.gather("pretrain", position, modalities={SENSOR}, augment=False)
    feature: Tensor = network(required(batch.sensor))
    network.train(was_training)
    return feature


def sensor_temporal(settings: Mapping[str, Any], shape: InputShape) -> nn.Module:
    """E_st, one of Table 6's."""
    return build_sensor_encoder(
        settings["sensor_temporal"],
        channels=shape.channels,
        length=shape.length,
        dim=settings["encoders"]["dim"],
        size=settings["encoders"]["size"],
    )


def video_temporal(settings: Mapping[str, Any]) -> TemporalCnn3d:
    """E_vt."""
    return TemporalCnn3d(
        dim=settings["encoders"]["dim"], size=settings["encoders"]["size"], time_average=settings["time_average"]
    )


def required(value: Tensor | None) -> Tensor:
    """`value`, which the batch must hold because the method asked for it.

    Raises:
        ValueError: it does not.
    """
    if value is None:
        raise ValueError("the batch lacks a modality that the method's `modalities` name")
    return value


def all_sensors(windows: WindowsAccess) -> Tensor:
    """(N, C, L) of the pretraining windows in order, unaugmented."""
    return torch.cat([required(batch.sensor) for batch in windows.batches("pretrain", modalities={SENSOR})])


def starting_with(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors of one network, without its name in front."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
