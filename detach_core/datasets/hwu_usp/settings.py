"""Settings of HWU-USP's native files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from detach_core.datasets.registry import LOST_WORDS, NativeSettings, Origin
from detach_core.settings.base import Label, Range, Share

HWU_USP_PAPER = "https://www.mdpi.com/1424-8220/21/3/768"
_UNIVERSITY = f"Heriot-Watt University: the dataset's paper, {HWU_USP_PAPER}, describes how to obtain it"

ORIGIN = Origin(
    title="HWU-USP",
    sensor=_UNIVERSITY,
    video=_UNIVERSITY,
    remark="sensor and video files belong to one release",
)


class NanAsNull:
    """Mark of a number in an `Annotated` type: NaN is null, as settings are compared as JSON, which has no NaN."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Pydantic's schema of the type with this change; called by pydantic alone."""
        inner = handler(source)
        return {"type": "function-before", "function": {"type": "no-info", "function": _nan_as_null}, "schema": inner}


def _nan_as_null(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


@dataclass(frozen=True, kw_only=True)
class HwuNative(NativeSettings):
    """Settings of HWU-USP's native files."""

    recording_pattern: ClassVar[str] = "{take}_{subject}"
    origin: ClassVar[Origin | None] = ORIGIN

    rate_tolerance: Share = 0.05
    """relative difference to `sensor_hz` above which sensors are refused"""
    time_column: Annotated[str, Range(min_length=1)]
    """name of the column of times"""
    channels: Annotated[tuple[Label, ...], Range(min_length=1)]
    """columns used, in order (Table 7: 6 of 11)"""
    value_map: dict[str, Annotated[float | None, NanAsNull()]]
    """words that stand for numbers in the file, in any case; null or .nan: for a lost value"""
    lost_words: tuple[str, ...] = LOST_WORDS
    """words for a missing value, in any case; NaN is always one"""
