"""Settings of the training stages: method, the method's own settings, machines."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from detach_core.contracts.checkpoint import Checkpoint
from detach_core.encoders.video_weights import described_start, without_path
from detach_core.methods.registry import METHODS, SecondStageSettings, VideoNetworkSettings
from detach_core.settings.base import Plain, Settings, from_plain, to_plain
from detach_core.settings.shared import AugmentationSettings, MachinesSettings


@dataclass(frozen=True)
class TrainingJob:
    """A training.

    Attributes:
        method: a name of `METHODS`, or `module:Class`.
        settings: of the method's own type.
        machines: where it runs.
    """

    method: str
    settings: Any
    machines: MachinesSettings

    def to_plain(self) -> dict[str, Any]:
        """The job as plain values, without the path of a weight file, which differs between machines."""
        settings = self.settings
        if isinstance(settings, VideoNetworkSettings):
            settings = replace(settings, video=without_path(settings.video))
        return {"method": self.method, "settings": to_plain(settings), "machines": to_plain(self.machines)}


@dataclass(frozen=True)
class _PlainJob(Settings):
    """A job in JSON form; the method determines the type of its settings."""

    method: str
    settings: Plain
    machines: MachinesSettings


@runtime_checkable
class HasAugmentation(Protocol):
    """Settings of a method that is trained on augmented windows."""

    @property
    def augmentation(self) -> AugmentationSettings:
        """The changes."""


@runtime_checkable
class HasSnapshots(Protocol):
    """Settings of a method whose weights are kept at shares of its epochs."""

    @property
    def snapshots(self) -> tuple[float, ...]:
        """The shares."""


def read_job(text: str) -> TrainingJob:
    """The job in a stage's JSON.

    Raises:
        LookupError: an unknown method.
        TypeError: unknown settings.
    """
    plain = from_plain(_PlainJob, json.loads(text))
    return TrainingJob(plain.method, from_plain(METHODS.settings(plain.method), plain.settings), plain.machines)


def settings_of(checkpoint: Checkpoint) -> Any:
    """The checkpoint's settings, of its method's own type."""
    return from_plain(METHODS.settings(checkpoint.method), checkpoint.settings)


def with_stage_1(job: TrainingJob, spatial: Checkpoint | None) -> TrainingJob:
    """The job with the content of its weight file and, on a Stage 1, its settings and initial video weights.

    Raises:
        BadInputError: the weight file is refused.
    """
    settings: Settings = job.settings
    stage_1 = None if spatial is None else settings_of(spatial)
    if isinstance(settings, SecondStageSettings) and isinstance(stage_1, VideoNetworkSettings):
        settings = replace(settings, spatial_settings=stage_1, video=stage_1.video)
    if isinstance(settings, VideoNetworkSettings):
        start = described_start(settings.video, size=settings.encoders.size)
        settings = replace(settings, video=start)
    return replace(job, settings=settings)
