"""COMODO: distillation of a frozen video teacher into the sensor encoder, by similarities to a queue of embeddings.

Official code: comodo/loss.py (26-56: the loss) and comodo/utils/model_util.py. Two phases: the teacher, the baselines'
common video network, learns from two views of each window's video alone; then it is frozen, and the student, which has
the sensor alone, learns to rank a queue of teacher embeddings as the teacher ranks it. Embeddings are (N, D) or (M, D),
of any length; similarities are cosines. What is probed lies below the student's MLP, as in the official evaluation
(comodo/unsupervised_rep_test.py, which takes the projection off before it embeds).

Note (differs from the official code): there the teacher is TimeSformer or VideoMAE with weights from Kinetics, under an
untrained random MLP that brings it to the student's width. Here it learns from the pretraining windows without labels,
and its feature has the student's width, so there is no random MLP whose luck would count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from detach_core.encoders.sensor_baselines import ChannelWiseCnn
from detach_core.losses import mean_cosine, two_view_contrast, unit_rows
from detach_core.methods.batch import SENSOR, InputShape, WindowBatch, WindowsAccess, build_video, required
from detach_core.methods.comodo.settings import ComodoSettings
from detach_core.methods.method import ActivationStatistics, Embedding, Method


def queue_distillation(
    student: Tensor, teacher: Tensor, queue: Tensor, *, teacher_temperature: float, student_temperature: float
) -> Tensor:
    """Mean cross-entropy of the student's distribution over the queue with the teacher's. Range [0, inf).

    Its least value is the target's entropy, so only what lies above `target_entropy` can be learned. No gradient
    reaches `teacher` or `queue`. Computed in float32 at least, whatever autocast says.

    Args:
        student: (N, D); row i belongs to row i of `teacher`.
        teacher: (N, D).
        queue: (M, D) teacher embeddings; those of the batch should be among them.
        teacher_temperature: of the target, above 0.
        student_temperature: above 0.

    Raises:
        ValueError: on shapes that do not fit or temperatures not above 0.
    """
    if student.shape != teacher.shape:
        raise ValueError(f"student and teacher must both be (N, D), got {tuple(student.shape)}, {tuple(teacher.shape)}")
    with torch.autocast(device_type=student.device.type, enabled=False):
        target = _log_distribution(teacher.detach(), queue.detach(), teacher_temperature).exp()
        logits = _similarities(student, queue.detach(), student_temperature)
        return cross_entropy(logits, target)


def target_entropy(teacher: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """Mean entropy (nats) of the teacher's distribution over the queue. Range [0, log M].

    At log M the target is uniform and teaches nothing: so it is when all embeddings are close to each other.

    Args:
        teacher: (N, D).
        queue: (M, D).
        temperature: of the target, above 0.

    Raises:
        ValueError: on shapes that do not fit or a temperature not above 0.
    """
    with torch.no_grad(), torch.autocast(device_type=teacher.device.type, enabled=False):
        logarithm = _log_distribution(teacher, queue, temperature)
        return -(logarithm.exp() * logarithm).sum(dim=1).mean()


def _log_distribution(embedding: Tensor, queue: Tensor, temperature: float) -> Tensor:
    return _similarities(embedding, queue, temperature).log_softmax(dim=1)


def _similarities(embedding: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """Cosines (N, M) over `temperature`."""
    if embedding.ndim != 2 or queue.ndim != 2 or embedding.shape[1] != queue.shape[1]:
        raise ValueError(f"expected (N, D) and a queue (M, D), got {tuple(embedding.shape)} and {tuple(queue.shape)}")
    if not len(embedding) or not len(queue):
        raise ValueError(f"neither may be empty, got {tuple(embedding.shape)} and {tuple(queue.shape)}")
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    dtype = torch.promote_types(torch.promote_types(embedding.dtype, queue.dtype), torch.float32)
    return unit_rows(embedding.to(dtype)) @ unit_rows(queue.to(dtype)).T / temperature


Views = tuple[WindowBatch, WindowBatch]


class ComodoTeacher(nn.Module):
    """Video encoder with embeddings (B, 2 d) of unit length, trained by SimCLR's loss without a projection head."""

    centre: Tensor

    def __init__(self, settings: ComodoSettings) -> None:
        super().__init__()
        self.trunk = build_video(settings.encoders, settings.video)
        self.dim = self.trunk.dim
        self.temperature, self.is_centred = settings.teacher_contrast, settings.centre_teacher
        self.register_buffer("centre", torch.zeros(self.dim))
        self.is_frozen = False
        self._found: list[Tensor] = []

    def forward(self, batch: WindowBatch) -> Tensor:
        """Embedding (B, 2 d): the trunk's feature, minus the mean of all if configured, at unit length."""
        return unit_rows(self.trunk(batch) - self.centre)

    def train(self, mode: bool = True) -> Self:
        """Training mode until the teacher is frozen; then its BatchNorm neither updates nor uses batch statistics."""
        return super().train(mode and not self.is_frozen)

    def loss(self, views: Views) -> Tensor:
        """SimCLR's loss of two views of the same windows; also counts their mutual retrieval."""
        first, second = (self.trunk(view) for view in views)
        with torch.no_grad():
            similarity = unit_rows(first) @ unit_rows(second).T
            own = similarity.diagonal()[:, None]
            # Ties count against the row, as in all retrieval: who says the same of everything finds nothing.
            self._found.append(((similarity >= own).sum(dim=1) == 1).double().mean())
            self._gallery = len(own)
        return two_view_contrast(first, second, self.temperature)

    def retrieval(self) -> dict[str, Any]:
        """Share of first views nearest to their own second view in the batch, since the last call; {} without any."""
        if not self._found:
            return {}
        share = float(torch.stack(self._found).mean())
        self._found = []
        return {"gallery": self._gallery, "r1": share}

    def stop_learning(self) -> None:
        """End of the teacher's training: its weights no longer change."""
        self.is_frozen = True
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def freeze(self, windows: WindowsAccess) -> Tensor:
        """Embeddings (N, 2 d) of all pretraining windows, unaugmented, by the frozen teacher."""
        self.stop_learning()
        batches = windows.batches("pretrain", modalities=self.trunk.modalities)
        feature: Tensor = torch.cat([self.trunk(batch) for batch in batches])
        if self.is_centred:
            self.centre.copy_(feature.mean(dim=0))
        return unit_rows(feature - self.centre)


def alternate_frames(first: WindowBatch, second: WindowBatch) -> Views:
    """Two views of the same windows: the even frames of `first` and as many odd ones of `second`.

    Half of the frames cost half of a step, and a window's halves differ as its moments do. A single frame is both, and
    motion stays whole: halved, it would no longer be that of the clip.
    """
    if first.frames is None:
        return first, second
    one, other = required(first.frames), required(second.frames)
    half = one.shape[2] // 2
    if not half:
        return first, second
    return replace(first, frames=one[:, :, : 2 * half : 2]), replace(second, frames=other[:, :, 1::2])


TEACHER, STUDENT = "teacher", "student"


# Share of a phase's steps in which the learning rate rises to its peak (train.py:379-391).
WARMUP = 0.1


class Comodo(Method[ComodoSettings]):
    """A channel-wise encoder, which is probed, under a projection MLP that is distilled from a video teacher."""

    settings_type = ComodoSettings
    probed = "sensor: encoder, below the projection MLP"

    def __init__(self, settings: ComodoSettings, shape: InputShape, activation: ActivationStatistics) -> None:
        super().__init__(settings, shape, activation)
        self.teacher = ComodoTeacher(settings)
        self.video_init = self.teacher.trunk.video_init
        encoder = ChannelWiseCnn(channels=shape.channels, size=settings.encoders.size)
        self.encoded_dim = encoder.dim
        self.sensor = nn.Sequential(
            encoder,
            nn.Linear(encoder.dim, settings.hidden),
            nn.BatchNorm1d(settings.hidden),
            nn.GELU(),
            nn.Linear(settings.hidden, self.teacher.dim),
        )
        self.row_networks = [self.sensor, *self.teacher.trunk.networks]
        self.teacher_epochs = settings.teacher_epochs
        self.num_epochs, self.batch_size = self.teacher_epochs + settings.epochs, settings.batch_size
        self.phase = "start"
        self.modalities = self.teacher.trunk.modalities
        self._known: dict[tuple[int, float], Tensor] = {}
        self._entropy: list[Tensor] = []

    @property
    def embedding_dim(self) -> int:
        """The encoder's width, channels times numbers a channel."""
        return self.encoded_dim

    @property
    def video_modalities(self) -> frozenset[str]:
        """The teacher's, but none in training: its embeddings are computed once, when it is frozen."""
        return frozenset() if self.phase == TEACHER or self._known else self.teacher.trunk.modalities

    def embed_sensor(self, sensor: Tensor) -> Embedding:
        """The encoder's feature, and in the teacher's space its projection at unit length, which is distilled."""
        encoded = self.sensor[0](sensor)
        return Embedding(encoded, shared=unit_rows(self.sensor[1:](encoded)))

    def embed_video(self, batch: WindowBatch) -> Embedding | None:
        """The teacher's embedding, the target of the distillation; None before the teacher is frozen."""
        if self.phase == TEACHER:
            return None
        if self._known and not self.teacher.trunk.has_video(batch):
            return Embedding(torch.stack([self._known[key] for key in _keys(batch)]))
        return Embedding(self.teacher(batch))

    def before_training(self, windows: WindowsAccess, *, num_steps: int) -> dict[str, Any]:
        """The queue's size, and whether augmentation distinguishes the teacher's two views."""
        del num_steps
        self._windows = windows
        num_windows = windows.num_windows("pretrain")
        self.queue_size = max(min(self.settings.queue, num_windows // 4), 1)
        position, seen = torch.arange(min(num_windows, 2)), self.teacher.trunk.modalities
        first, second = (windows.gather("pretrain", position, modalities=seen, augment=True) for _ in range(2))
        facts: dict[str, Any] = {"queue": self.queue_size, "teacher": "trained on the pretraining windows, no labels"}
        if all(torch.equal(required(getattr(first, name)), required(getattr(second, name))) for name in seen):
            facts["warning"] = "augmentation is off: the teacher's two views differ by alternate frames at most"
        return facts

    def before_epoch(self, epoch: int) -> None:
        """Start of the epoch's phase; at the student's first, the teacher is frozen and embeds all windows."""
        before, self.phase = self.phase, TEACHER if epoch <= self.teacher_epochs else STUDENT
        self.modalities = self.teacher.trunk.modalities if self.phase == TEACHER else frozenset({SENSOR})
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
        """Storage of the frozen teacher's embedding of every window, computed once."""
        names = (key for batch in self._windows.batches("pretrain", modalities=()) for key in _keys(batch))
        self._known = dict(zip(names, self._embedding, strict=True))
        for batch in self._windows.batches("monitor", modalities=self.teacher.trunk.modalities):
            self._known.update(zip(_keys(batch), self.teacher(batch), strict=True))

    def losses(self, batch: WindowBatch) -> dict[str, Tensor]:
        """The phase's loss: of the teacher's two views, or of the student's distribution over the queue."""
        if self.phase == TEACHER:
            seen = self.teacher.trunk.modalities
            other = self._windows.gather("pretrain", batch.position, modalities=seen, augment=True)
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

    def chance_losses(self) -> dict[str, float]:
        """The student's, which says the same of every entry: ln M; of the teacher's two views, ln (2 B - 1)."""
        if self.phase == TEACHER:
            return {"two_views": math.log(2 * self.batch_size - 1)}
        return {"distillation": math.log(len(self._ranked))}

    def after_step(self) -> None:
        """Update of the queue: the batch enters, the oldest entries leave."""
        if self.phase == STUDENT:
            self._queue = self._ranked[-self.queue_size :]

    def after_epoch(self, epoch: int) -> dict[str, Any]:
        """Retrieval between the teacher's views, or the entropy of its distributions (`target_entropy`, nats)."""
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
        """The phase, and in the student's phase the teacher's embeddings and the queue."""
        learned = {"embedding": self._embedding, "queue": self._queue} if self.phase == STUDENT else {}
        return {"phase": self.phase, **learned}

    def restore_training_state(self, state: Mapping[str, Any]) -> None:
        """Restoration of the phase; in the student's phase the teacher is frozen."""
        self.phase = state["phase"]
        if self.phase == STUDENT:
            device = self.teacher.centre.device
            self._embedding, self._queue = state["embedding"].to(device), state["queue"].to(device)
            self.teacher.stop_learning()
            self._keep_answers()

    def learning_rate_factor(self, share: float) -> float:
        """In each phase a linear rise to the peak and a linear fall to 0, as the official student's."""
        teaching = self.teacher_epochs / self.num_epochs
        done = share / teaching if share < teaching else (share - teaching) / (1.0 - teaching)
        return float(min(done / WARMUP, (1.0 - done) / (1.0 - WARMUP)))


def _keys(batch: WindowBatch) -> list[tuple[int, float]]:
    """Keys of a batch's windows, unique over all parts."""
    return list(zip(batch.recording.tolist(), batch.start_s.tolist(), strict=True))
