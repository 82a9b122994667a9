"""IMU2CLIP (Moon et al., 2023) without its text terms: one vector for a sensor window, one for its video, contrasted.

Note (differs from the paper): the video network is the baselines' common one, trained by default from nothing on the
window's mean frame and motion (`video.network: frames`: on its frames alone), where the official code freezes a
pretrained CLIP and shows it one to three frames.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from detach_core.encoders.blocks import LearnedTemperature
from detach_core.encoders.sensor_baselines import StackedConvGru, pad_to, resample, time_deviation
from detach_core.losses import summed_info_nce
from detach_core.methods.batch import SENSOR, InputShape, WindowBatch, WindowsAccess, build_video, required
from detach_core.methods.imu2clip.settings import Imu2ClipSettings
from detach_core.methods.method import ActivationStatistics, Embedding, Method

# Of the adaptation by DETACH's authors: their windows have 128 samples, and 22 zeros follow.
AUTHORS_SAMPLES, AUTHORS_LENGTH = 128, 150
# Enough for a mean deviation; evenly spread over the pretraining windows.
WINDOWS_MEASURED = 128


class Imu2Clip(Method[Imu2ClipSettings]):
    """Stacked convolutions and a GRU over time against the video network, both trained, under a learned temperature.

    A window is resampled to `length`, the paper's 200 Hz: else three poolings leave no steps, or one. A window of more
    samples stays as it is, for to thin it out would alias it, and the GRU takes any number of steps.
    `authors_adaptation` takes 128 samples and pads them to 150, as DETACH's authors did: the GRU gets a single step.
    """

    settings_type = Imu2ClipSettings
    probed = "sensor: GRU state"

    def __init__(self, settings: Imu2ClipSettings, shape: InputShape, activation: ActivationStatistics) -> None:
        super().__init__(settings, shape, activation)
        self.as_authors = bool(settings.authors_adaptation)
        self.length = AUTHORS_LENGTH if self.as_authors else max(settings.length, shape.length)
        self.sensor = StackedConvGru(channels=shape.channels, length=self.length, dim=self.embedding_dim)
        self.video = build_video(settings.encoders, settings.video)
        self.video_init, self.row_networks = self.video.video_init, [self.sensor, *self.video.networks]
        self.modalities = frozenset({SENSOR}) | self.video.modalities
        self.temperature = LearnedTemperature(settings.temperature)
        self.num_epochs, self.batch_size = settings.epochs, settings.batch_size

    @property
    def embedding_dim(self) -> int:
        """Twice d, as wide as DETACH's two halves together."""
        return 2 * int(self.settings.encoders.dim)

    def _at_length(self, sensor: Tensor) -> Tensor:
        """Windows (B, C, L) resampled or padded for the convolutions."""
        if self.as_authors:
            return pad_to(resample(sensor, AUTHORS_SAMPLES), AUTHORS_LENGTH)
        return resample(sensor, self.length)

    def embed_sensor(self, sensor: Tensor) -> Embedding:
        """The GRU's last state, without a projection head."""
        return Embedding(self.sensor(self._at_length(sensor)))

    def embed_video(self, batch: WindowBatch) -> Embedding:
        """The video network's feature."""
        return Embedding(self.video(batch))

    def losses(self, batch: WindowBatch) -> dict[str, Tensor]:
        """Both directions of InfoNCE, summed."""
        video, sensor = self.embed_video(batch), self.embed_sensor(required(batch.sensor))
        return {"contrastive": summed_info_nce(video.whole, sensor.whole, self.temperature())}

    def chance_losses(self) -> dict[str, float]:
        """Ln B in each direction."""
        return {"contrastive": 2.0 * math.log(self.batch_size)}

    @torch.no_grad()
    def before_training(self, windows: WindowsAccess, *, num_steps: int) -> dict[str, Any]:
        """Number of steps that reach the GRU, and their deviation over time; 1 and 0.0 mean no temporal input."""
        del num_steps
        batches = windows.batches("pretrain", modalities={SENSOR}, limit=WINDOWS_MEASURED)
        seen = torch.cat([self.sensor.sequence(self._at_length(required(batch.sensor))) for batch in batches])
        return {"gru_steps": seen.shape[1], "gru_time_deviation": time_deviation(seen)}

    def after_step(self) -> None:
        """Clamp the temperature to its learnable range."""
        self.temperature.keep_within_bounds()

    @torch.no_grad()
    def after_epoch(self, epoch: int) -> dict[str, Any]:
        """The temperature."""
        del epoch
        return {"temperature": float(self.temperature())}
