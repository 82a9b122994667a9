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

    epochs: Epochs = 200
    """epochs over the pretraining windows, before `epoch_share`"""
    paper_steps: Annotated[int, Range(ge=1)] | None = 3200
    """steps of the paper's run: lr x steps is kept; null keeps the learning rate"""
    length: Annotated[int, Range(ge=16, le=10_000)] = 128
    """samples that a window is resampled to"""
    patch_samples: Annotated[int, Range(ge=1, le=1000)] = 16
    """samples of a sensor patch"""
    patch_px: Annotated[int, Range(ge=2, le=64)] = 8
    """side of a frame's patch (px)"""
    frames: Annotated[int, Range(ge=1, le=64)] = 1
    """random frames of a window in a step"""
    width: Width = 64
    """of a token"""
    heads: Annotated[int, Range(ge=1, le=64)] = 2
    """of the attention; divides width"""
    separate_layers: Layers = 3
    """layers of each modality alone"""
    joint_layers: Layers = 1
    """layers of both modalities"""
    decoder_width: Width = 32
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
    """reconstruct each patch at mean 0 and deviation 1"""
    warmup: Share = 0.1
    """share of the steps in which the learning rate rises; then it falls as a cosine"""
