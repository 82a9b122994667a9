"""Methods and controls. A new one is a file here, a line in `METHODS` and a section of the config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detach_core.methods.batch import InputShape
from detach_core.methods.cav_mae import CavMae
from detach_core.methods.comodo import Comodo
from detach_core.methods.detach import Detach
from detach_core.methods.detach_spatial import DetachSpatial
from detach_core.methods.imu2clip import Imu2Clip
from detach_core.methods.method import ActivationStatistics, Method
from detach_core.methods.primus import Primus
from detach_core.methods.random_encoder import RandomEncoder
from detach_core.methods.statistics import Statistics
from detach_core.methods.supervised import Supervised

METHODS: dict[str, type[Method]] = {
    "detach_spatial": DetachSpatial,
    "detach": Detach,
    "imu2clip": Imu2Clip,
    "primus": Primus,
    "comodo": Comodo,
    "cav_mae": CavMae,
    "random_encoder": RandomEncoder,
    "statistics": Statistics,
    "supervised": Supervised,
}


def build_method(
    name: str, *, settings: Mapping[str, Any], shape: InputShape, activation: ActivationStatistics = None
) -> Method:
    """The untrained method `name`.

    Args:
        name: a key of `METHODS`.
        settings: its resolved section with the shared sections under their names.
        shape: what its windows look like.
        activation: mean and std of the pretraining windows' activation vector; None when a checkpoint brings them.

    Raises:
        ValueError: for an unknown name.
    """
    if name not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {name!r}")
    return METHODS[name](settings, shape, activation)
