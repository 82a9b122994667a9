"""Base class of all methods and controls: the protocol of the training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from detach_core.encoders.blocks import decomposed_feature
from detach_core.foundation.errors import UserError
from detach_core.losses import unit_rows
from detach_core.methods.batch import (
    FRAME,
    FRAMES,
    MEAN_FRAME,
    MOTION,
    SENSOR,
    InputShape,
    WindowBatch,
    WindowsAccess,
    required,
)
from detach_core.settings.base import Settings

# Per-channel `mean` and `std` of the pretraining windows' activation vector; None where a checkpoint brings them.
ActivationStatistics = Mapping[str, Sequence[float]] | None


@dataclass(frozen=True)
class Embedding:
    """Features of a batch, (B, D): the whole, and its spatial and temporal halves where a method has them.

    Attributes:
        whole: what is probed.
        spatial: the half for the place.
        temporal: the half for the motion.
        shared: what lies in the other modality's space, where `whole` does not.
    """

    whole: Tensor
    spatial: Tensor | None = None
    temporal: Tensor | None = None
    shared: Tensor | None = None

    @property
    def in_shared_space(self) -> Tensor:
        """Features in the other modality's space."""
        return self.whole if self.shared is None else self.shared

    def named(self, side: str) -> dict[str, Tensor]:
        """The whole and its parts by their names in `embeddings.h5`; `side`: `sensor` or `video`."""
        parts = {"spatial": self.spatial, "temporal": self.temporal, "shared": self.shared}
        return {side: self.whole, **{f"{side}_{name}": value for name, value in parts.items() if value is not None}}


def join_halves(spatial: Tensor, temporal: Tensor) -> Embedding:
    """Eqs. 5-6: both halves at unit length, and their concatenation (B, d + e)."""
    return Embedding(decomposed_feature(spatial, temporal), unit_rows(spatial), unit_rows(temporal))


OwnSettings = TypeVar("OwnSettings", bound=Settings)


class Method(nn.Module, ABC, Generic[OwnSettings]):
    """A method that learns a sensor encoder. Loop, rules, probe and tables use this interface alone.

    Attributes:
        settings_type: type of its settings.
        probed: which of its features the probe reads, as the tables print it.
        uses_labels: whether its losses see class labels.
        modalities: what its batches must hold in training.
        batch_unit: `window`, or `recording` for batches of whole sequences.
        num_epochs: how long to train; 0 for methods that do not.
        batch_size: windows in a batch.
        video_init: where the video network starts: `scratch`, a weight file by name and digest, or `none`.
        row_networks: networks that treat a batch's rows one by one but for BatchNorm, so that processes may share the
            rows out. Each is called itself, with tensors that have the batch in front; none lies within another.
    """

    settings_type: ClassVar[type[Settings]]
    probed: str
    uses_labels: ClassVar[bool] = False
    modalities: frozenset[str] = frozenset({SENSOR})
    batch_unit: str = "window"
    num_epochs: int = 0
    batch_size: int = 1
    video_init: str = "none"
    row_networks: Sequence[nn.Module] = ()

    def __init__(self, settings: OwnSettings, shape: InputShape, activation: ActivationStatistics) -> None:
        """Args: settings: of its own type; activation: of the split, None on rebuilding."""
        super().__init__()
        del activation
        self.settings = settings
        self.shape = shape

    @abstractmethod
    def embed_sensor(self, sensor: Tensor) -> Embedding:
        """Features of normalised sensor windows (B, C, L) for the probe."""

    @property
    @abstractmethod
    def embedding_dim(self) -> int:
        """D of the whole sensor embedding."""

    def losses(self, batch: WindowBatch) -> dict[str, Tensor]:
        """Named scalar terms, already weighted; the loop minimises their sum."""
        raise NotImplementedError(f"{type(self).__name__} is not trained")

    def chance_losses(self) -> dict[str, float]:
        """Terms of `losses` that are contrasts, and their means over this epoch if all features had been alike.

        For a plain contrast of B windows that is ln B times its weight. The loop reads it once after each epoch.
        """
        return {}

    def embed_video(self, batch: WindowBatch) -> Embedding | None:
        """The video's features in the space of `embed_sensor`'s `in_shared_space`, or None where there is none."""
        del batch
        return None

    @property
    def video_modalities(self) -> frozenset[str]:
        """Modalities that `embed_video` needs in a batch."""
        return self.modalities - {SENSOR}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Restoration of weights and buffers from a checkpoint's `state_dict`."""
        self.load_state_dict(dict(tensors))

    def load_spatial(self, tensors: Mapping[str, Tensor]) -> None:
        """Networks from a Stage-1 checkpoint."""
        raise NotImplementedError(f"{type(self).__name__} does not start from Stage 1")

    def before_training(self, windows: WindowsAccess, *, num_steps: int) -> dict[str, Any]:
        """Preparation before the first step, with access to all windows; returns facts for the history's header."""
        del windows, num_steps
        return {}

    def before_epoch(self, epoch: int) -> None:
        """Hook before each epoch, counted from 1."""

    def after_step(self) -> None:
        """Hook after each optimiser step: momentum encoders, queues."""

    def after_epoch(self, epoch: int) -> dict[str, Any]:
        """Values of this epoch for the history; epoch 0 is the state before any step."""
        del epoch
        return {}

    def epoch_trace(self) -> dict[str, Tensor]:
        """Tensors stored for each epoch beside the history's row, taken after `after_epoch`; mostly none."""
        return {}

    def training_state(self) -> dict[str, Any]:
        """State at an epoch's end that later epochs need besides `state_dict`, as tensors and plain JSON values."""
        return {}

    def restore_training_state(self, state: Mapping[str, Any]) -> None:
        """Restoration of `training_state` (on the CPU), after `before_training` and that epoch's `state_dict`."""
        del state

    @property
    def is_finished(self) -> bool:
        """Whether training may end before `num_epochs`."""
        return False

    def learning_rate_factor(self, share: float) -> float:
        """Factor of the learning rate after `share` of all steps; constant as the paper's."""
        del share
        return 1.0

    def snapshot_state(self) -> dict[str, Tensor]:
        """The tensors that training changes."""
        return self.state_dict()


AnyMethod = Method[Any]


@torch.no_grad()
def check_widths(method: AnyMethod) -> None:
    """Check of the feature widths of a new method on one window of zeros, in evaluation mode.

    Raises:
        UserError: the features do not fit each other or `embedding_dim`, or a window does not fit the networks.
    """
    name, was_training = type(method).__name__, method.training
    method.eval()
    batch = _empty_window(method)
    try:
        sensor, video = method.embed_sensor(required(batch.sensor)), method.embed_video(batch)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"{name}: a window of {method.shape} does not fit its networks ({str(error).splitlines()[0]}); correct the"
            " widths of its layers"
        ) from error
    method.train(was_training)
    if sensor.whole.shape != (1, method.embedding_dim):
        raise UserError(
            f"{name}: the sensor's feature has shape {tuple(sensor.whole.shape)} for one window, expected"
            f" (1, {method.embedding_dim}) by its `embedding_dim`; correct either of them"
        )
    if video is not None and video.in_shared_space.shape != sensor.in_shared_space.shape:
        raise UserError(
            f"{name}: the video's feature has shape {tuple(video.in_shared_space.shape)} for one window, expected"
            f" {tuple(sensor.in_shared_space.shape)} as the sensor's in their shared space; give both one width"
        )


def _empty_window(method: AnyMethod) -> WindowBatch:
    """A batch of one window of zeros, with all modalities."""
    shape, picture = method.shape, (method.shape.height, method.shape.width)
    read = len(range(0, shape.frames, method.settings.input.frames_every))
    sizes = {
        SENSOR: (shape.channels, shape.length),
        MEAN_FRAME: (3, *picture),
        FRAME: (3, *picture),
        FRAMES: (3, read, *picture),
        MOTION: (5, shape.frames - 1, *picture),
    }
    zeros = {name: torch.zeros(1, *sizes[name]) for name in {SENSOR} | (method.modalities | method.video_modalities)}
    index = torch.zeros(1, dtype=torch.int64)
    return WindowBatch(position=index, recording=index, start_s=index.double(), **zeros)
