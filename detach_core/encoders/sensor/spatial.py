"""The spatial sensor encoder: what the base encoder sees plus how active each channel was (paper, Sec. 3.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from detach_core.encoders.sensor.activation import ActivationVector, Form, Mode
from detach_core.encoders.sensor.cnn_gru import CnnGru
from detach_core.encoders.size import Size


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
