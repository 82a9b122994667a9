"""Settings of the recogniser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from detach_core.evaluation.settings import ProbeSettings
from detach_core.settings.base import Range, Settings
from detach_core.settings.shared import MachineSettings


@dataclass(frozen=True)
class RecognizerSettings(Settings):
    """A recogniser's threshold, below which a window is unknown."""

    coverage: Annotated[float, Range(ge=0.5, lt=1)] = 0.9
    """share of the windows of new gestures or recordings that are named rightly, or called unknown, at least"""
    calibrating: Annotated[float, Range(gt=0, lt=1)] = 0.25
    """share of the held-out gestures or recordings that fits the temperature; the others give the threshold"""


@dataclass(frozen=True)
class RecognizerJob(MachineSettings):
    """Settings of stage `recognizer`; the probe's for fits without a fold, where the split holds nothing out."""

    probe: ProbeSettings = ProbeSettings()
    recognizer: RecognizerSettings = RecognizerSettings()
