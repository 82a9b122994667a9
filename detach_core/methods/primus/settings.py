"""Settings of PRIMUS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from detach_core.methods.registry import Epochs, VideoTrainedSettings
from detach_core.settings.base import Range, Share


@dataclass(frozen=True)
class PrimusSettings(VideoTrainedSettings):
    """PRIMUS without its text terms."""

    epochs: Epochs = 100
    """epochs before `epoch_share`, chosen like the rate"""
    lr: Annotated[float, Range(gt=0, le=1)] | None = 1.2e-3
    """learning rate before the scale rule, chosen by cross-validation (docs/choices.md); null takes `optimizer.lr`"""
    temperature: Annotated[float, Range(ge=0.01, le=1)] = 0.1
    """initial value of the learned temperatures"""
    length: Annotated[int, Range(ge=123, le=10_000)] = 400
    """samples that a window is resampled to"""
    self_supervised_weight: Share = 0.5
    """alpha: weight of the sensor-only terms, 1 - alpha the video's"""
    queue: Annotated[int, Range(ge=1, le=1_000_000)] = 1024
    """size of the queue of neighbours; at most a quarter of all windows"""
    exclude_s: Annotated[float, Range(ge=0, le=3600)] = 2.0
    """windows of the same recording this near are no neighbours (s)"""
    transforms: tuple[Literal["noise", "scale", "negate", "permute"], ...] = ("scale", "permute")
    """transforms that produce the second sensor view; the paper's are negate and permute"""
    segments: Annotated[int, Range(ge=2, le=64)] = 4
    """pieces that `permute` shuffles; the official code's four cuts make five"""
    authors_adaptation: bool = False
    """128 samples, noise and scale, probe on the video head, as DETACH's authors"""

    @property
    def parts(self) -> tuple[str, ...]:
        """The head that meets the video; in the authors' adaptation that is the whole."""
        return () if self.authors_adaptation else ("shared",)
