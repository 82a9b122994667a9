"""Windows, missing values, the small video and its optical flow (Sec. 4)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from detach_core.config.section import Section, Share


class WindowSection(Section):
    """The sliding window."""

    length_s: float = Field(gt=0, le=60, description="length of a window (s); the paper's is 2")
    stride_s: float = Field(gt=0, le=60, description="from one window's start to the next (s); the paper's is 1")


class MissingSection(Section):
    """What happens to NaN in the sensors."""

    max_nan_share: Share = Field(
        description="a channel with a larger share of NaN in a window becomes 0 there; with less it is interpolated"
    )
    all_nan_channel: Literal["refuse", "zero"] = Field(description="what a channel without any value is taken for")


class VideoSection(Section):
    """The small video that everything visual lives on."""

    working_hz: float = Field(gt=0, le=120, description="frames kept per second; differences and flow are between them")
    image_px: Annotated[list[Annotated[int, Field(ge=8, le=1024)]], Field(min_length=2, max_length=2)] = Field(
        description="width and height of the working grid (px)"
    )
    crop_px: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=4, max_length=4)] | None = Field(
        description="left, top, width, height of what is kept of the picture as displayed (px); null keeps all"
    )
    length_tolerance_s: float = Field(
        ge=0,
        description="a tick without a picture this near belongs to no window; a file may end that much too early (s)",
    )


class FlowSection(Section):
    """Optical flow, computed at twice the working grid."""

    method: Literal["dis", "farneback"] = Field(description="OpenCV's algorithm")
    preset: Literal["ultrafast", "fast", "medium"] = Field(description="effort of `dis`")
    max_px: float = Field(gt=0, le=1024, description="the largest motion that is stored (px of the working grid)")
