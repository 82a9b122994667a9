"""A small search, the same for every trained method: candidate settings that the probe chooses from without a test."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from detach_core.config.section import Section

# Stage 1 is trained once, whatever the candidate: what it stands on (input, encoders, video) cannot be searched over.
CHANGEABLE = ("augmentation", "optimizer")


class SearchSection(Section):
    """Candidates beside the unchanged settings, which are always candidate 0; none switches the search off."""

    candidates: Annotated[list[dict[str, dict[str, Any]]], Field(max_length=16)] = Field(
        description="each a set of changes of `augmentation` or `optimizer`, trained for every trained variant"
    )
