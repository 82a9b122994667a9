"""Settings of COMODO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from detach_core.methods.registry import BatchSize, Epochs, VideoTrainedSettings
from detach_core.settings.base import Range

Temperature = Annotated[float, Range(gt=0, le=10)]


@dataclass(frozen=True)
class ComodoSettings(VideoTrainedSettings):
    """COMODO with a teacher trained on the pretraining clips."""

    counts_of_epochs: ClassVar[frozenset[str]] = frozenset({"epochs", "teacher_epochs"})

    batch_size: BatchSize = 32
    """windows of a step: half of the others', as in its adaptation"""
    paper_steps: Annotated[int, Range(ge=1)] | None = 4950
    """steps of the paper's run, 33 an epoch x (100 for the teacher + 50); null keeps the learning rate"""
    lr: Annotated[float, Range(gt=0, le=1)] | None = 1e-4
    """learning rate before the scale rule, chosen by cross-validation (docs/choices.md); null takes `optimizer.lr`"""
    teacher_epochs: Epochs = 100
    """epochs of the teacher's own training, before `epoch_share`"""
    teacher_contrast: Temperature = 0.1
    """temperature of the teacher's own training"""
    teacher_temperature: Temperature = 0.1
    """of the teacher's similarities to the queue"""
    student_temperature: Temperature = 0.05
    """of the student's similarities to the queue"""
    queue: Annotated[int, Range(ge=1, le=1_000_000)] = 1024
    """teacher embeddings kept; at most a quarter of all windows"""
    hidden: Annotated[int, Range(ge=1, le=65_536)] = 256
    """width of the projection's hidden layer"""
    centre_teacher: bool = False
    """subtract the mean of the teacher's embeddings"""

    @property
    def parts(self) -> tuple[str, ...]:
        """The projection into the teacher's space."""
        return ("shared",)
