"""Splits: who is held out, what is pretrained on, how the rest is folded (Sec. 4; docs/choices.md)."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from detach_core.config.section import Name, OpenShare, Section


class DatasetSplit(Section):
    """One dataset's part of a split."""

    hold_out: Literal["recordings", "subjects", "nothing"] = Field(description="the unit that is held out whole")
    held_out: list[Name] = Field(description="the recordings or subjects that are held out")
    pretrain: OpenShare = Field(description="share of the rest that is pretrained on; what remains is downstream")
    folds: int = Field(ge=2, le=100, description="folds of protocol `paper` over the downstream part")
    fold_draws: int = Field(
        ge=1, le=1000, description="draws of those folds and of the probe's inner folds; figures are means over them"
    )


class Split(Section):
    """A split: its seed and, under each dataset's name, that dataset's part."""

    model_config = ConfigDict(extra="allow")

    seed: int = Field(ge=0, description="of the stratified drawing")
    __pydantic_extra__: dict[Name, DatasetSplit] = Field(init=False)

    @property
    def datasets(self) -> dict[str, DatasetSplit]:
        """Dataset -> its part."""
        return dict(self.__pydantic_extra__)
