"""The optimiser and what is shared by all training."""

from __future__ import annotations

from pydantic import Field

from detach_core.config.section import Section


class OptimizerSection(Section):
    """AdamW (Sec. 4)."""

    lr: float = Field(gt=0, le=1, description="learning rate of the paper's run; scaled so that lr x steps is kept")
    weight_decay: float = Field(ge=0, le=1, description="decoupled weight decay")
    max_lr: float = Field(gt=0, le=1, description="the scaled learning rate is never larger")
