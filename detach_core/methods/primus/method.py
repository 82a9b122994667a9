"""PRIMUS (Das et al., 2024) without its text terms: video, a changed view of the sensor, and the nearest neighbour's.

Note (differs from the paper): the video network is DETACH's own trunk, trained from nothing, where the paper freezes a
pretrained one; all methods here share that trunk. The GRU runs over time, and windows are resampled so that time is
left for it. The queue is filled before the first step, holds at most a quarter of the windows and never offers a window
itself or what overlaps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from detach_core.encoders.blocks import LearnedTemperature
from detach_core.encoders.sensor_baselines import StackedConvGru, resample, time_deviation
from detach_core.methods.batch import FRAMES, SENSOR, InputShape, WindowBatch, WindowsAccess, required
from detach_core.methods.method import ActivationStatistics, Embedding, Method
from detach_core.methods.primus.losses import Neighbours, Views, nearest_neighbours, primus_terms
from detach_core.methods.primus.monitor import NeighbourMonitor
from detach_core.methods.primus.queue import NeighbourQueue, QueueEntries
from detach_core.methods.primus.settings import PrimusSettings
from detach_core.methods.primus.views import SensorViews
from detach_core.methods.video_trunk import VideoTrunk

# The last block of the convolutions pools to so many steps whatever the length (official code).
GRU_STEPS = 32
# More neighbours than this share of the windows would reach back so far that features have changed meanwhile.
QUEUE_SHARE = 4
# The adaptation by DETACH's authors: at 128 samples one value per channel is left, stretched to all steps.
AUTHORS_LENGTH, AUTHORS_TRANSFORMS = 128, ("noise", "scale")
# Enough for a mean deviation; evenly spread over the pretraining windows.
WINDOWS_MEASURED = 128


class Primus(Method[PrimusSettings]):
    """Stacked convolutions and a GRU under two linear heads: `ssl` meets sensors, `mmcl` meets the video."""

    settings_type = PrimusSettings
    probed = "sensor: GRU state"
    modalities = frozenset({SENSOR, FRAMES})

    def __init__(self, settings: PrimusSettings, shape: InputShape, activation: ActivationStatistics) -> None:
        super().__init__(settings, shape, activation)
        self.as_authors = bool(settings.authors_adaptation)
        if self.as_authors:
            self.probed = "sensor: video head"
        self.length = AUTHORS_LENGTH if self.as_authors else int(settings.length)
        dim = self.embedding_dim
        self.sensor = StackedConvGru(channels=shape.channels, length=self.length, dim=dim, steps=GRU_STEPS)
        self.sensor_ssl, self.sensor_mmcl = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.video = VideoTrunk(settings.encoders, settings.video)
        self.video_init, self.row_networks = self.video.video_init, [self.sensor, self.video.encoder]
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
        """The GRU's last state, below the heads; in the authors' adaptation the head that meets the video."""
        state = self.sensor(resample(sensor, self.length))
        head = self.sensor_mmcl(state)
        return Embedding(head) if self.as_authors else Embedding(state, shared=head)

    def embed_video(self, batch: WindowBatch) -> Embedding:
        """The trunk's feature, which lies in the space of the sensor's video head."""
        return Embedding(self.video(batch))

    def before_training(self, windows: WindowsAccess, *, num_steps: int) -> dict[str, Any]:
        """Fill the queue with features of the untrained networks; what time is left for the GRU."""
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
        """With batches and BatchNorm as in a step, so that the first steps find comparable features."""
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
        """The four terms of `primus_terms`; neighbours are sought by video."""
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

    def after_step(self) -> None:
        """Queue the step's windows; keep the temperatures where they can still be learned."""
        batch, video, ssl = self._seen
        self.queue.push(batch, video=video, ssl=ssl)
        for temperature in (self.temperature_mmcl, self.temperature_ssl):
            temperature.keep_within_bounds()

    @torch.no_grad()
    def after_epoch(self, epoch: int) -> dict[str, Any]:
        """Both temperatures, and what neighbours have in common with their windows."""
        del epoch
        temperatures = {"mmcl": float(self.temperature_mmcl()), "ssl": float(self.temperature_ssl())}
        return {"temperature": temperatures, "neighbours": self._neighbours.report()}

    def training_state(self) -> dict[str, Any]:
        """Where the stream of the changed views stands, and the queue."""
        return {"draws": self._draws.get_state(), **self.queue.entries._asdict()}

    def restore_training_state(self, state: Mapping[str, Any]) -> None:
        """Go on with that stream and that queue."""
        self._draws.set_state(state["draws"])
        device = self.queue.entries.video.device
        self.queue.entries = QueueEntries(**{name: state[name].to(device) for name in QueueEntries._fields})
