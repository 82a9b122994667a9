"""Sections that several plug-ins share: input form, augmentation, network size, initial video weights, optimiser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypedDict

from detach_core.settings.base import Derived, Range, Settings, Share

SCRATCH = "scratch"
Form = Literal["centred", "z"]
Size = Literal["small", "paper"]
VideoNetwork = Literal["decomposed", "frames"]
# What a classifier knows at a point of a label curve: labelled gestures, clusters that were named by a look at one
# gesture each, as many gestures drawn at random, or labelled gestures of which it has the video alone.
PointKind = Literal["labels", "named clusters", "random looks", "video labels"]


@dataclass(frozen=True)
class InputSettings(Settings):
    """The one input form of every method and every control."""

    form: Form = "centred"
    """centred: minus the window's median, over the pretraining deviation; z: the paper's z-score"""
    activation_quantile: Annotated[float, Range(gt=0.5, le=1)] = 0.99
    """quantile over time of the activation (Sec. 3.1)"""
    frames_every: Annotated[int, Range(ge=1, le=100)] = 2
    """networks that average over frames use every n-th"""


@dataclass(frozen=True)
class SensorAugmentationSettings(Settings):
    """Random changes of a sensor window."""

    scale: Share = 0.1
    """deviation of a channel's factor around 1"""
    jitter: Annotated[float, Range(ge=0, le=2)] = 0.05
    """deviation of added noise, in deviations of the channel"""
    shift_s: Share = 0.1
    """largest shift in time (s)"""
    warp: Annotated[float, Range(ge=0, le=0.5)] = 0.1
    """largest relative change of speed"""
    channel_dropout: Share = 0.05
    """probability that a channel is silenced"""


@dataclass(frozen=True)
class VideoAugmentationSettings(Settings):
    """Random changes of a window's video, the same in all frames. No flips, since location matters."""

    brightness: Share = 0.2
    """largest relative change"""
    contrast: Share = 0.2
    """largest relative change"""
    colour: Share = 0.1
    """largest relative change of a colour channel"""
    blur_probability: Share = 0.5
    """probability of a slight blur"""
    shift_px: Annotated[int, Range(ge=0, le=32)] = 2
    """largest translation (px of the working grid)"""
    noise: Share = 0.02
    """deviation of added noise, of the full range"""


@dataclass(frozen=True)
class AugmentationSettings(Settings):
    """Augmentation of both modalities in training, the same for every method."""

    enabled: bool = True
    """false switches all of it off"""
    sensor: SensorAugmentationSettings = SensorAugmentationSettings()
    video: VideoAugmentationSettings = VideoAugmentationSettings()


@dataclass(frozen=True)
class EncoderSettings(Settings):
    """The networks' size."""

    size: Size = "small"
    """small: a laptop's; paper: the paper's"""
    dim: Annotated[int, Range(ge=4, le=4096, multiple_of=4)] = 64
    """d, width of a component feature (the authors': 256)"""


@dataclass(frozen=True)
class WeightFile(Settings):
    """Content of a weight file: network, width of the shared trunk's feature, checksum, and its path if known."""

    network: str
    width: int | None
    sha256: str
    path: str | None = None


@dataclass(frozen=True)
class VideoStartSettings(Settings):
    """Initial weights and kind of the video networks, the same for every method with the shared trunk."""

    init: str = SCRATCH
    """scratch, or a weight file of yours (.safetensors, .pt, .pth): the shared trunk's own, or torchvision's ResNet-18,
    ResNet-50 or ViT-B/32"""
    network: VideoNetwork = "decomposed"
    """of the baselines. decomposed: DETACH's two, which see order and flow; frames: one on every frame, which sees
    neither"""
    weights: Annotated[WeightFile | None, Derived()] = None

    @property
    def path(self) -> str | None:
        """The weight file, if any."""
        return None if self.init == SCRATCH else self.init


@dataclass(frozen=True)
class OptimizerSettings(Settings):
    """AdamW (Sec. 4)."""

    lr: Annotated[float, Range(gt=0, le=1)] = 1e-4
    """learning rate of the paper's run; scaled so that lr x steps is kept"""
    weight_decay: Share = 1e-4
    """decoupled weight decay"""
    max_lr: Annotated[float, Range(gt=0, le=1)] = 2e-3
    """the scaled learning rate is never larger"""


class SensorAugmentationChanges(TypedDict, total=False):
    """Some fields of `SensorAugmentationSettings`."""

    scale: float
    jitter: float
    shift_s: float
    warp: float
    channel_dropout: float


class VideoAugmentationChanges(TypedDict, total=False):
    """Some fields of `VideoAugmentationSettings`."""

    brightness: float
    contrast: float
    colour: float
    blur_probability: float
    shift_px: int
    noise: float


class AugmentationChanges(TypedDict, total=False):
    """Some fields of `AugmentationSettings`."""

    enabled: bool
    sensor: SensorAugmentationChanges
    video: VideoAugmentationChanges


class OptimizerChanges(TypedDict, total=False):
    """Some fields of `OptimizerSettings`."""

    lr: float
    weight_decay: float
    max_lr: float


class Candidate(TypedDict, total=False):
    """Settings that the probe may choose beside the unchanged ones: the fields that differ from those, and no other."""

    augmentation: AugmentationChanges
    optimizer: OptimizerChanges


@dataclass(frozen=True)
class MachineSettings(Settings):
    """Device and threads of a stage's networks."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """device of the networks; auto takes a GPU if there is one"""
    threads: Annotated[int, Range(ge=1, le=256)] = 1
    """torch threads per process, independent of --cores: the same bits on every run"""


@dataclass(frozen=True)
class MachinesSettings(MachineSettings):
    """Devices, nodes and threads of a training that processes may share."""

    devices: Annotated[int, Range(ge=1, le=64)] = 1
    """GPUs, or processes without one, that share a training on each node; equal to one up to rounding"""
    nodes: Annotated[int, Range(ge=1, le=64)] = 1
    """machines that share a training, within a Slurm job"""

    @property
    def num_processes(self) -> int:
        """Processes that share a training."""
        return self.devices * self.nodes
