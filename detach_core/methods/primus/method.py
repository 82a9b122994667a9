"""PRIMUS (Das et al., 2024) without its text terms: contrast with video, an augmented sensor view, and neighbours.

All draws of the changed views come from one CPU generator, so that a GPU run sees the same ones. Every window has draws
of its own.

Note (differs from the paper): the video network is the baselines' common one, trained by default from nothing on the
window's mean frame and motion (`video.network: frames`: on its frames alone), where the paper freezes a pretrained one.
The GRU runs over time, and windows are resampled so that time is left for it. The queue is filled before the first
step, holds at most a quarter of the windows and never offers a window itself or what overlaps it.

The changed view is scaled and permuted, as the official code trains: its `PRIMUSLearningModule` has these two by
default, and `pretraining.py` does not hand on the `--transform_list 2 4` (negate, permute) of its README, which is what
the paper names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from detach_core.encoders.blocks import LearnedTemperature
from detach_core.encoders.sensor_baselines import StackedConvGru, resample, time_deviation
from detach_core.methods.batch import SENSOR, InputShape, WindowBatch, WindowsAccess, build_video, required
from detach_core.methods.method import ActivationStatistics, Embedding, Method
from detach_core.methods.primus.losses import (
    NeighbourMonitor,
    NeighbourQueue,
    Neighbours,
    QueueEntries,
    Views,
    nearest_neighbours,
    primus_terms,
)
from detach_core.methods.primus.settings import PrimusSettings

# Deviations of the noise (in those of the pretraining windows) and of the factor, as in the official code.
NOISE, SCALE = 0.1, 0.25


class SensorViews:
    """Applies some of `noise`, `scale`, `negate`, `permute` in the given order; `segments`: pieces of `permute`."""

    def __init__(self, transforms: Sequence[str], *, segments: int, generator: torch.Generator) -> None:
        known: dict[str, Callable[[Tensor], Tensor]] = {
            "noise": lambda sensor: add_noise(sensor, generator),
            "scale": lambda sensor: scale_channels(sensor, generator),
            "negate": negate,
            "permute": lambda sensor: permute_segments(sensor, segments, generator),
        }
        unknown = [name for name in transforms if name not in known]
        if unknown:
            raise ValueError(f"a transform must be one of {', '.join(known)}, got {unknown[0]!r}")
        self._steps = [known[name] for name in transforms]

    def __call__(self, sensor: Tensor) -> Tensor:
        """An augmented copy of windows (B, C, L)."""
        for step in self._steps:
            sensor = step(sensor)
        return sensor


def add_noise(sensor: Tensor, generator: torch.Generator) -> Tensor:
    """Independent Gaussian noise on every sample."""
    noise = torch.randn(sensor.shape, generator=generator, dtype=sensor.dtype)
    return sensor + NOISE * noise.to(sensor.device)


def scale_channels(sensor: Tensor, generator: torch.Generator) -> Tensor:
    """Each channel of each window times its own factor around 1.

    Note (differs from the official code): there one factor per time step acts on all channels.
    """
    factor = 1.0 + SCALE * torch.randn(*sensor.shape[:2], 1, generator=generator, dtype=sensor.dtype)
    return sensor * factor.to(sensor.device)


def negate(sensor: Tensor) -> Tensor:
    """Negated values."""
    return -sensor


def permute_segments(sensor: Tensor, segments: int, generator: torch.Generator) -> Tensor:
    """Each window cut at random positions into `segments` pieces, joined in random order.

    Note (differs from the official code): there the cuts of all windows of a batch are one draw without replacement
    from the samples of a window, which fails for larger batches.

    Raises:
        ValueError: more pieces than samples.
    """
    batch, _, length = sensor.shape
    if segments > length:
        raise ValueError(f"a window of {length} samples cannot be cut into {segments} pieces")
    cuts = torch.rand(batch, length - 1, generator=generator).topk(segments - 1, dim=1).indices + 1
    rank = torch.rand(batch, segments, generator=generator).argsort(dim=1)
    time = torch.arange(length)
    piece = (time[None, :, None] >= cuts[:, None, :]).sum(dim=2)
    # Samples sorted by the new rank of their piece, then by time: the source of each new sample.
    source = (rank.gather(1, piece) * length + time).argsort(dim=1).to(sensor.device)
    return sensor.gather(2, source[:, None, :].expand_as(sensor))


# The last block of the convolutions pools to so many steps whatever the length (official code).
GRU_STEPS = 32


# More neighbours than this share of the windows would reach back so far that features have changed meanwhile.
QUEUE_SHARE = 4


# The adaptation by DETACH's authors: at 128 samples one value per channel is left, stretched to all steps.
AUTHORS_LENGTH, AUTHORS_TRANSFORMS = 128, ("noise", "scale")


# Enough for a mean deviation; evenly spread over the pretraining windows.
WINDOWS_MEASURED = 128


class Primus(Method[PrimusSettings]):
    """Stacked convolutions and a GRU under two linear heads, contrasted with sensors (`ssl`) and video (`mmcl`)."""

    settings_type = PrimusSettings
    probed = "sensor: GRU state"

    def __init__(self, settings: PrimusSettings, shape: InputShape, activation: ActivationStatistics) -> None:
        super().__init__(settings, shape, activation)
        self.as_authors = bool(settings.authors_adaptation)
        if self.as_authors:
            self.probed = "sensor: video head"
        self.length = AUTHORS_LENGTH if self.as_authors else int(settings.length)
        dim = self.embedding_dim
        self.sensor = StackedConvGru(channels=shape.channels, length=self.length, dim=dim, steps=GRU_STEPS)
        self.sensor_ssl, self.sensor_mmcl = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.video = build_video(settings.encoders, settings.video)
        self.video_init, self.row_networks = self.video.video_init, [self.sensor, *self.video.networks]
        self.modalities = frozenset({SENSOR}) | self.video.modalities
        # As in the official code, one for all pairs of sensor and video and one for all pairs of sensors, neighbours or
        # not: how sharp cosines are is a matter of the space, and each head has its own.
        self.temperature_mmcl = LearnedTemperature(settings.temperature)
        self.temperature_ssl = LearnedTemperature(settings.temperature)
        self.num_epochs, self.batch_size = settings.epochs, settings.batch_size

    @property
    def embedding_dim(self) -> int:
        """Twice d, of the GRU's state and of both heads."""
        return 2 * int(self.settings.encoders.dim)

    def embed_sensor(self, sensor: Tensor) -> Embedding:
        """The GRU's last state, below the heads; in the authors' adaptation the output of the video head."""
        state = self.sensor(resample(sensor, self.length))
        head = self.sensor_mmcl(state)
        return Embedding(head) if self.as_authors else Embedding(state, shared=head)

    def embed_video(self, batch: WindowBatch) -> Embedding:
        """The video network's feature, which lies in the space of the sensor's video head."""
        return Embedding(self.video(batch))

    def before_training(self, windows: WindowsAccess, *, num_steps: int) -> dict[str, Any]:
        """Initial queue of features of the untrained networks; number of steps that reach the GRU."""
        del num_steps
        # A stream of its own, from the seed of the initial weights.
        draws = self._draws = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
        transforms = AUTHORS_TRANSFORMS if self.as_authors else self.settings.transforms
        self._views = SensorViews(transforms, segments=self.settings.segments, generator=draws)
        self._neighbours = NeighbourMonitor(windows.truth("pretrain"))
        size = min(self.settings.queue, windows.num_windows("pretrain") // QUEUE_SHARE)
        self.queue = NeighbourQueue(max(size, 1))
        self._fill_queue(windows)
        return {"queue_size": len(self.queue), **self._time_left(windows)}

    @torch.no_grad()
    def _fill_queue(self, windows: WindowsAccess) -> None:
        """Initial queue, with batches and BatchNorm as in a step, so that the first steps find comparable features."""
        self.train()
        for position in windows.shuffled(self.batch_size):
            batch = windows.gather("pretrain", position, modalities=self.modalities, augment=False)
            state = self.sensor(resample(required(batch.sensor), self.length))
            self.queue.push(batch, video=self.video(batch), ssl=self.sensor_ssl(state))
            if len(self.queue) == self.queue.size:
                return

    @torch.no_grad()
    def _time_left(self, windows: WindowsAccess) -> dict[str, Any]:
        batches = windows.batches("pretrain", modalities={SENSOR}, limit=WINDOWS_MEASURED)
        seen = torch.cat([self.sensor.sequence(resample(required(batch.sensor), self.length)) for batch in batches])
        return {"gru_steps": seen.shape[1], "gru_time_deviation": time_deviation(seen)}

    def losses(self, batch: WindowBatch) -> dict[str, Tensor]:
        """The four terms of `primus_terms`; neighbours are nearest by video."""
        sensor = resample(required(batch.sensor), self.length)
        # The first view is the window as every method gets it. Both go in one pass: nothing looks across windows.
        state, changed = self.sensor(torch.cat([sensor, self._views(sensor)])).chunk(2)
        ssl, changed_ssl = self.sensor_ssl(torch.cat([state, changed])).chunk(2)
        views = Views(mmcl=self.sensor_mmcl(state), video=self.video(batch), ssl=ssl, changed_ssl=changed_ssl)
        queued = self.queue.entries
        excluded = self.queue.too_near(batch, exclude_s=self.settings.exclude_s)
        index, found = nearest_neighbours(views.video, queued.video, excluded)
        self._neighbours.add(batch.position, queued.position[index], found)
        self._seen = (batch, views.video.detach(), ssl.detach())
        return primus_terms(
            views,
            Neighbours(queued.video[index], queued.ssl[index], found),
            self_supervised_weight=self.settings.self_supervised_weight,
            video_temperature=self.temperature_mmcl(),
            self_supervised_temperature=self.temperature_ssl(),
        )

    def chance_losses(self) -> dict[str, float]:
        """Ln B in each direction by the terms' weights; how many windows have neighbours changes from step to step."""
        own, both = float(self.settings.self_supervised_weight), 2.0 * math.log(self.batch_size)
        return {"video": (1.0 - own) * both, "self_supervised": own * both}

    def after_step(self) -> None:
        """Update of the queue by the step's windows; temperatures clamped to their learnable range."""
        batch, video, ssl = self._seen
        self.queue.push(batch, video=video, ssl=ssl)
        for temperature in (self.temperature_mmcl, self.temperature_ssl):
            temperature.keep_within_bounds()

    @torch.no_grad()
    def after_epoch(self, epoch: int) -> dict[str, Any]:
        """Both temperatures, and the shares of neighbours with the window's place and action."""
        del epoch
        temperatures = {"mmcl": float(self.temperature_mmcl()), "ssl": float(self.temperature_ssl())}
        return {"temperature": temperatures, "neighbours": self._neighbours.report()}

    def training_state(self) -> dict[str, Any]:
        """State of the random generator of the augmented views, and the queue."""
        return {"draws": self._draws.get_state(), **self.queue.entries._asdict()}

    def restore_training_state(self, state: Mapping[str, Any]) -> None:
        """Restoration of that generator and that queue."""
        self._draws.set_state(state["draws"])
        device = self.queue.entries.video.device
        self.queue.entries = QueueEntries(**{name: state[name].to(device) for name in QueueEntries._fields})
