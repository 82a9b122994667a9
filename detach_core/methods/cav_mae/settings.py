"""Settings of CAV-MAE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from detach_core.methods.registry import Epochs, VideoTrainedSettings
from detach_core.settings.base import OpenShare, Range, Share

Layers = Annotated[int, Range(ge=1, le=48)]
Width = Annotated[int, Range(ge=16, le=4096, multiple_of=16)]


@dataclass(frozen=True)
class CavMaeSettings(VideoTrainedSettings):
    """CAV-MAE, the stand-in for EVI-MAE. Its video network is its own and not the shared trunk."""

    takes_weight_file: ClassVar[bool] = False
    takes_video_network: ClassVar[bool] = False

    epochs: Epochs = 100
    """epochs over the pretraining windows, before `epoch_share`"""
    paper_steps: Annotated[int, Range(ge=1)] | None = 3200
    """steps of a run at full scale, 16 an epoch x 200: lr x steps is kept; null keeps the learning rate"""
    lr: Annotated[float, Range(gt=0, le=1)] | None = 3e-4
    """learning rate before the scale rule; null takes `optimizer.lr`"""
    length: Annotated[int, Range(ge=16, le=10_000)] = 64
    """samples that a window is resampled to"""
    transform_samples: Annotated[int, Range(ge=2, le=10_000)] = 16
    """samples of a short-time Fourier transform, at most `length`; it has half as many bands"""
    hop_samples: Annotated[int, Range(ge=1, le=10_000)] = 4
    """samples from one transform to the next, at most `transform_samples`"""
    patch_bands: Annotated[int, Range(ge=1, le=1000)] = 2
    """bands in a sensor patch, which has all channels"""
    patch_frames: Annotated[int, Range(ge=1, le=1000)] = 2
    """transforms in a sensor patch"""
    normalise_sensor_patches: bool = False
    """reconstruct each sensor patch at mean 0 and deviation 1"""
    patch_px: Annotated[int, Range(ge=2, le=64)] = 16
    """side of a frame's patch (px)"""
    frames: Annotated[int, Range(ge=1, le=64)] = 1
    """random frames of a window in a step"""
    width: Width = 128
    """of a token"""
    heads: Annotated[int, Range(ge=1, le=64)] = 4
    """of the attention; divides both widths"""
    separate_layers: Layers = 3
    """layers of each modality alone"""
    joint_layers: Layers = 1
    """layers of both modalities"""
    decoder_width: Width = 64
    """of a token in the decoder"""
    decoder_layers: Layers = 1
    """layers of the decoder"""
    masked: OpenShare = 0.75
    """share of hidden patches"""
    contrast_weight: Annotated[float, Range(ge=0, le=100)] = 0.01
    """of the contrastive term beside the reconstruction"""
    temperature: Annotated[float, Range(gt=0, le=10)] = 0.05
    """of the contrastive term"""
    normalise_patches: bool = True
    """reconstruct each patch of a frame at mean 0 and deviation 1"""
    warmup: Share = 0.1
    """share of the steps in which the learning rate rises; then it falls as a cosine"""

    def __post_init__(self) -> None:
        """Check of the settings that bound each other.

        Raises:
            ValueError: a transform longer than a window or further from the next than it is long, or heads that do not
                divide a width.
        """
        for name, most in (("transform_samples", "length"), ("hop_samples", "transform_samples")):
            if getattr(self, name) > getattr(self, most):
                raise ValueError(f"{name} must be at most {most}, {getattr(self, most)}, got {getattr(self, name)}")
        for name in ("width", "decoder_width"):
            if getattr(self, name) % self.heads:
                raise ValueError(f"heads must divide {name}, {getattr(self, name)}, got {self.heads}")
