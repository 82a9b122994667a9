"""Methods and controls by name. A new one is a folder with its settings and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detach_core.settings.registry import Plugin, Registry

if TYPE_CHECKING:
    from detach_core.methods.batch import InputShape
    from detach_core.methods.method import ActivationStatistics, AnyMethod
    from detach_core.settings.base import Settings

DETACH_STAGE_1 = "detach_spatial"

METHODS: Registry[AnyMethod] = Registry(
    "method",
    {
        DETACH_STAGE_1: Plugin("detach_core.methods.detach", "SpatialSettings", "stage1:DetachSpatial"),
        "detach": Plugin("detach_core.methods.detach", "DetachSettings", "stage2:Detach"),
        "imu2clip": Plugin("detach_core.methods.imu2clip", "Imu2ClipSettings", "method:Imu2Clip"),
        "primus": Plugin("detach_core.methods.primus", "PrimusSettings", "method:Primus"),
        "comodo": Plugin("detach_core.methods.comodo", "ComodoSettings", "method:Comodo"),
        "cav_mae": Plugin("detach_core.methods.cav_mae", "CavMaeSettings", "method:CavMae"),
        "random_encoder": Plugin("detach_core.methods.controls", "RandomEncoderSettings", "method:RandomEncoder"),
        "statistics": Plugin("detach_core.methods.controls", "StatisticsSettings", "method:Statistics"),
        "supervised": Plugin("detach_core.methods.controls", "SupervisedSettings", "method:Supervised"),
    },
)


def build_method(
    name: str, *, settings: Settings, shape: InputShape, activation: ActivationStatistics = None
) -> AnyMethod:
    """The untrained method `name`.

    Args:
        name: of `METHODS`, or `module:Class`.
        settings: of the method's own type.
        shape: of its windows.
        activation: mean and std of the pretraining windows' activation vector; None when a checkpoint brings them.

    Raises:
        LookupError: an unknown name.
    """
    return METHODS.implementation(name)(settings, shape, activation)
