"""What goes into the encoders and how large they are: shared by all methods and controls."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from detach_core.config.section import Section, Share


class InputSection(Section):
    """The one input form of every method and every control."""

    form: Literal["centred", "z"] = Field(
        description="centred: minus the window's median, over the pretraining deviation; z: the paper's z-score"
    )
    activation_quantile: float = Field(gt=0.5, le=1, description="quantile over time of the activation (Sec. 3.1)")
    frames_every: int = Field(ge=1, le=100, description="networks that average over frames see every n-th")


class SensorAugmentation(Section):
    """Random changes of a sensor window."""

    scale: float = Field(ge=0, le=1, description="deviation of a channel's factor around 1")
    jitter: float = Field(ge=0, le=2, description="deviation of added noise, in deviations of the channel")
    shift_s: float = Field(ge=0, le=1, description="largest shift in time (s)")
    warp: float = Field(ge=0, le=0.5, description="largest relative change of speed")
    channel_dropout: Share = Field(description="probability that a channel is silenced")


class VideoAugmentation(Section):
    """Random changes of a window's video, the same in each of its frames. No flips: location is the label."""

    brightness: float = Field(ge=0, le=1, description="largest relative change")
    contrast: float = Field(ge=0, le=1, description="largest relative change")
    colour: float = Field(ge=0, le=1, description="largest relative change of a colour channel")
    blur_probability: Share = Field(description="probability of a slight blur")
    shift_px: int = Field(ge=0, le=32, description="largest translation (px of the working grid)")
    noise: float = Field(ge=0, le=1, description="deviation of added noise, of the full range")


class AugmentationSection(Section):
    """Augmentation of both modalities in training, the same for every method."""

    enabled: bool = Field(description="false switches all of it off")
    sensor: SensorAugmentation
    video: VideoAugmentation


class EncodersSection(Section):
    """The networks' size."""

    size: Literal["small", "paper"] = Field(description="small: a laptop's; paper: the paper's")
    dim: int = Field(ge=4, le=4096, multiple_of=4, description="d, width of a component feature (the authors': 256)")
