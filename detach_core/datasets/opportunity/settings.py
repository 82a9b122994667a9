"""Settings of OPPORTUNITY's and Opportunity++'s native files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from detach_core.datasets.registry import LOST_WORDS, Globs, NativeSettings, Origin, Seconds
from detach_core.settings.base import Share

OPPORTUNITY_DOI = "https://doi.org/10.24432/C5M027"
OPPORTUNITY_PLUS_PLUS = (
    "https://ieee-dataport.org/open-access/"
    "opportunity-multimodal-dataset-video-and-wearable-object-and-ambient-sensors-based"
)
# Of UCI's 24 `.dat` files: facts about the published files, none of their content.
CHECKSUMS = Path(__file__).with_name("checksums.csv")

ORIGIN = Origin(
    title="OPPORTUNITY and Opportunity++",
    sensor=f"the UCI Machine Learning Repository, {OPPORTUNITY_DOI} (free), or come with Opportunity++",
    video=f"Opportunity++ at IEEE DataPort, {OPPORTUNITY_PLUS_PLUS} (free, after a login with an IEEE account)",
    remark="UCI gives out the sensors only, without any video",
    checksums=CHECKSUMS,
    release="UCI's release, DOI 10.24432/C5M027",
)


@dataclass(frozen=True, kw_only=True)
class OpportunityNative(NativeSettings):
    """Settings of OPPORTUNITY's and Opportunity++'s native files."""

    recording_pattern: ClassVar[str] = "{subject}-{take}"
    origin: ClassVar[Origin | None] = ORIGIN

    rate_tolerance: Share = 0.05
    """relative difference to `sensor_hz` above which sensors are refused"""
    annotation_glob: Globs
    """patterns of the label track, tried in order; {recording} stands for the recording's id"""
    lost_words: tuple[str, ...] = LOST_WORDS
    """words for a missing value, in any case; NaN is always one"""
    deckchair: bool = False
    """true adds the deckchair's accelerometer: 37 channels instead of 34 (Table 7)"""
    annotation_tolerance_s: Seconds = 0.5
    """a larger difference between label column and label track is reported (s)"""
