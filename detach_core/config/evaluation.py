"""The probe on frozen features and the intervals of its figures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from detach_core.config.section import Section

Positive = Annotated[float, Field(gt=0)]


class ProbeSection(Section):
    """A linear classifier on frozen features, the same for every method."""

    kind: Literal["logistic", "authors"] = Field(
        description="logistic: to convergence, C by inner cross-validation; authors: Adam 1e-3 for 50 epochs"
    )
    c: Annotated[list[Positive], Field(min_length=1)] = Field(description="inverse strengths of regularisation to try")
    class_weights: Literal["none", "fit", "fit_and_choice"] = Field(
        description="whether classes count alike, whatever their units' number: in the fit, and in the choice of C too"
    )
    inner_folds: int = Field(ge=2, le=20, description="folds of the choice of C inside probe-train")
    bootstrap: int = Field(ge=1, le=1_000_000, description="resamples of the intervals")
    confidence: float = Field(gt=0.5, lt=1, description="coverage of the intervals")
