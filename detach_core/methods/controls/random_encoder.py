"""Control: DETACH's own sensor networks as they are initialised, so that a table shows what training adds (D12)."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from detach_core.encoders.sensor_spatial import Mode
from detach_core.methods.batch import InputShape, WindowsAccess
from detach_core.methods.controls.settings import RandomEncoderSettings, SupervisedSettings
from detach_core.methods.detach import networks
from detach_core.methods.method import ActivationStatistics, Embedding, Method, join_halves

# The split holds the activation statistics of this mode only, and a control has no Stage 1 to say otherwise.
ACTIVATION_MODE: Mode = "abs"


class SensorNetworks(nn.Module):
    """E_ss with P_q, and E_st: the sensor's half of DETACH."""

    def __init__(
        self,
        settings: RandomEncoderSettings | SupervisedSettings,
        shape: InputShape,
        activation: ActivationStatistics,
    ) -> None:
        super().__init__()
        self.spatial = networks.sensor_spatial(settings, shape, activation, mode=ACTIVATION_MODE)
        self.temporal = networks.sensor_temporal(settings.sensor_temporal, settings.encoders, shape)

    def forward(self, sensor: Tensor) -> Embedding:
        """Both halves and the whole, as DETACH's."""
        return join_halves(self.spatial(sensor), self.temporal(sensor))


class RandomEncoder(Method[RandomEncoderSettings]):
    """DETACH's sensor networks, untrained."""

    settings_type = RandomEncoderSettings
    probed = "sensor spatial + temporal"

    def __init__(self, settings: RandomEncoderSettings, shape: InputShape, activation: ActivationStatistics) -> None:
        super().__init__(settings, shape, activation)
        self.sensor = SensorNetworks(settings, shape, activation)
        self.requires_grad_(False)

    @property
    def embedding_dim(self) -> int:
        """Twice d."""
        return 2 * int(self.settings.encoders.dim)

    def before_training(self, windows: WindowsAccess, *, num_steps: int) -> dict[str, Any]:
        """Give BatchNorm its statistics: without them the control would differ from training in scale as well."""
        del num_steps
        networks.calibrate_batch_norm(self.sensor, windows)
        return {}

    def embed_sensor(self, sensor: Tensor) -> Embedding:
        """Both halves, as DETACH's."""
        embedding: Embedding = self.sensor(sensor)
        return embedding
