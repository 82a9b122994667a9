"""Probes of a part of a variant's feature: another row of a table, and no training of its own."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from detach_core.config.section import Name, Section


class HalfSection(Section):
    """The probe of one half of the feature of a method that has halves."""

    variant: Name = Field(description="variant whose embeddings are probed")
    half: Literal["spatial", "temporal"] = Field(description="where, or how")
    target: Literal["class", "place", "action"] = Field(description="what the probe tells: a part of the class's name")
