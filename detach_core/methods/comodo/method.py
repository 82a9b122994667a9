"""COMODO (official code: comodo/loss.py, comodo/utils/model_util.py): the sensor learns to see windows as a video does.

Two phases. The teacher learns from the video alone (`comodo_teacher.py`), then it is frozen and the student, which sees
the sensor alone, learns to rank a queue of teacher embeddings as the teacher ranks it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from detach_core.encoders.sensor_baselines import ChannelWiseCnn
from detach_core.losses.contrastive import unit_rows
from detach_core.methods.batch import FRAMES, SENSOR, InputShape, WindowBatch, WindowsAccess, required
from detach_core.methods.comodo.distillation import queue_distillation, target_entropy
from detach_core.methods.comodo.settings import ComodoSettings
from detach_core.methods.comodo.teacher import ComodoTeacher, alternate_frames, mean_cosine
from detach_core.methods.method import ActivationStatistics, Embedding, Method

TEACHER, STUDENT = "teacher", "student"
# Share of a phase's steps in which the learning rate rises to its peak (train.py:379-391).
WARMUP = 0.1


class Comodo(Method[ComodoSettings]):
    """A channel-wise student under an MLP, distilled from a video teacher."""

    settings_type = ComodoSettings
    probed = "sensor: output of the projection MLP"

    def __init__(self, settings: ComodoSettings, shape: InputShape, activation: ActivationStatistics) -> None:
        super().__init__(settings, shape, activation)
        self.teacher = ComodoTeacher(settings)
        self.video_init = self.teacher.trunk.video_init
        encoder = ChannelWiseCnn(channels=shape.channels, size=settings.encoders.size)
        self.sensor = nn.Sequential(
            encoder,
            nn.Linear(encoder.dim, settings.hidden),
            nn.BatchNorm1d(settings.hidden),
            nn.GELU(),
            nn.Linear(settings.hidden, self.embedding_dim),
        )
        self.row_networks = [self.sensor, self.teacher.trunk.encoder]
        self.teacher_epochs = settings.teacher_epochs
        self.num_epochs, self.batch_size = self.teacher_epochs + settings.epochs, settings.batch_size
        self.phase = "start"
        self.modalities = frozenset({FRAMES})
        self._known: dict[tuple[int, float], Tensor] = {}
        self._entropy: list[Tensor] = []

    @property
    def embedding_dim(self) -> int:
        """Twice d, the teacher's width."""
        return self.teacher.dim

    @property
    def video_modalities(self) -> frozenset[str]:
        """Frames, but none in training: the teacher is not asked while it learns, and frozen it has answered."""
        return frozenset() if self.phase == TEACHER or self._known else frozenset({FRAMES})

    def embed_sensor(self, sensor: Tensor) -> Embedding:
        """The projected feature at unit length, as it is distilled."""
        return Embedding(unit_rows(self.sensor(sensor)))

    def embed_video(self, batch: WindowBatch) -> Embedding | None:
        """The teacher's embedding, which the student is distilled into; None while the teacher still learns."""
        if self.phase == TEACHER:
            return None
        if batch.frames is None and self._known:
            return Embedding(torch.stack([self._known[key] for key in _keys(batch)]))
        return Embedding(self.teacher(batch))

    def before_training(self, windows: WindowsAccess, *, num_steps: int) -> dict[str, Any]:
        """Fix the size of the queue, and see whether augmentation tells the teacher's views apart."""
        del num_steps
        self._windows = windows
        num_windows = windows.num_windows("pretrain")
        self.queue_size = max(min(self.settings.queue, num_windows // 4), 1)
        position = torch.arange(min(num_windows, 2))
        first, second = (
            required(windows.gather("pretrain", position, modalities={FRAMES}, augment=True).frames) for _ in range(2)
        )
        facts: dict[str, Any] = {"queue": self.queue_size, "teacher": "trained on the pretraining windows, no labels"}
        if torch.equal(first, second):
            facts["warning"] = "augmentation is off: the teacher's two views differ by alternate frames only"
        return facts

    def before_epoch(self, epoch: int) -> None:
        """Enter the epoch's phase; on entering the student's, the teacher freezes and embeds all windows."""
        before, self.phase = self.phase, TEACHER if epoch <= self.teacher_epochs else STUDENT
        self.modalities = frozenset({FRAMES} if self.phase == TEACHER else {SENSOR})
        if self.phase == STUDENT and before != STUDENT:
            self._start_student()

    @torch.no_grad()
    def _start_student(self) -> None:
        self._embedding = self.teacher.freeze(self._windows)
        # The queue starts with windows that are trained on as well.
        drawn = torch.randperm(len(self._embedding))[: self.queue_size].to(self._embedding.device)
        self._queue = self._embedding[drawn]
        self._keep_answers()

    @torch.no_grad()
    def _keep_answers(self) -> None:
        """What the frozen teacher says of every window: it will not be asked again."""
        names = (key for batch in self._windows.batches("pretrain", modalities=()) for key in _keys(batch))
        self._known = dict(zip(names, self._embedding, strict=True))
        for batch in self._windows.batches("monitor", modalities={FRAMES}):
            self._known.update(zip(_keys(batch), self.teacher(batch), strict=True))

    def losses(self, batch: WindowBatch) -> dict[str, Tensor]:
        """The phase's loss: of the teacher's two views, or of the student's distribution over the queue."""
        if self.phase == TEACHER:
            other = self._windows.gather("pretrain", batch.position, modalities={FRAMES}, augment=True)
            return {"two_views": self.teacher.loss(alternate_frames(batch, other))}
        settings, teacher = self.settings, self._embedding[batch.position]
        # The batch itself is among what is ranked: the teacher's own entry has cosine 1.
        self._ranked = torch.cat([self._queue, teacher])
        self._entropy.append(target_entropy(teacher, self._ranked, settings.teacher_temperature))
        loss = queue_distillation(
            self.sensor(required(batch.sensor)),
            teacher,
            self._ranked,
            teacher_temperature=settings.teacher_temperature,
            student_temperature=settings.student_temperature,
        )
        return {"distillation": loss}

    def after_step(self) -> None:
        """The batch stays in the queue, the oldest leave it."""
        if self.phase == STUDENT:
            self._queue = self._ranked[-self.queue_size :]

    def after_epoch(self, epoch: int) -> dict[str, Any]:
        """How well the teacher's views find each other, or how much its distributions say (`target_entropy`, nats)."""
        del epoch
        row: dict[str, Any] = {"phase": self.phase}
        if self.phase == TEACHER:
            row["teacher_views"] = self.teacher.retrieval()
        elif self._entropy:
            row["target_entropy"] = float(torch.stack(self._entropy).mean())
            row["target_entropy_maximum"] = math.log(len(self._ranked))
            row["teacher_mean_cosine"] = mean_cosine(self._embedding)
        self._entropy = []
        return row

    def training_state(self) -> dict[str, Any]:
        """The phase, and in the student's what the teacher says and the queue."""
        learned = {"embedding": self._embedding, "queue": self._queue} if self.phase == STUDENT else {}
        return {"phase": self.phase, **learned}

    def restore_training_state(self, state: Mapping[str, Any]) -> None:
        """Go on in that phase; the student's teacher is frozen."""
        self.phase = state["phase"]
        if self.phase == STUDENT:
            device = self.teacher.centre.device
            self._embedding, self._queue = state["embedding"].to(device), state["queue"].to(device)
            self.teacher.stop_learning()
            self._keep_answers()

    def learning_rate_factor(self, share: float) -> float:
        """In each phase up to the peak and down to 0, both in a line, as the official student's."""
        teaching = self.teacher_epochs / self.num_epochs
        done = share / teaching if share < teaching else (share - teaching) / (1.0 - teaching)
        return float(min(done / WARMUP, (1.0 - done) / (1.0 - WARMUP)))


def _keys(batch: WindowBatch) -> list[tuple[int, float]]:
    """What tells a batch's windows from all others, whatever their part."""
    return list(zip(batch.recording.tolist(), batch.start_s.tolist(), strict=True))
