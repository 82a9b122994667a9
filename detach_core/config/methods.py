"""One class per method and control: the keys of its section under `methods`, and the shared sections that it uses."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from detach_core.config.section import OpenShare, Section

SensorTemporal = Literal["cnn_gru", "transformer", "cnn_gru_attention"]
NETWORK = ("input", "augmentation", "encoders", "optimizer")


class MethodSection(Section):
    """What a method says about itself."""

    needs_spatial: ClassVar[bool] = False
    shared: ClassVar[tuple[str, ...]] = NETWORK


class TrainedSection(MethodSection):
    """A method that is trained by steps of AdamW."""

    epochs: int = Field(ge=1, le=10_000, description="passes over the pretraining windows")
    batch_size: int = Field(ge=2, le=65_536, description="windows (or recordings) of a step")
    paper_steps: int | None = Field(
        ge=1, description="steps of the paper's run: lr x steps is kept; null takes the learning rate as it is"
    )


class DetachSection(TrainedSection):
    """DETACH, Stage 2 (Sec. 3.2)."""

    needs_spatial = True
    shared = (*NETWORK, "snapshots")

    temperature: float = Field(gt=0, le=10, description="tau_contrast, Eq. 12")
    hardness: float = Field(gt=1, le=100, description="lambda_hard, Eq. 8")
    contrastive: Literal["weighted", "infonce"] = Field(description="Eq. 12, or plain InfoNCE (Table 3)")
    spatial_weight: bool = Field(description="use W^spatial (Table 2)")
    temporal_weight: bool = Field(description="use W^temporal (Table 2)")
    damping: Literal["spatial", "temporal"] = Field(description="first factor of Eq. 10; temporal is as printed")
    temporal_similarity: Literal["intra", "cross"] = Field(description="Eq. 9: mean of both modalities, or across them")
    momentum: OpenShare = Field(description="m of the momentum encoders")
    momentum_left: OpenShare | None = Field(
        description="m is lowered until at most this share of the start is left at the end; null keeps m"
    )
    momentum_encoder: bool = Field(description="false takes the online features for Eq. 9 (Table 4)")
    normalise_weights: Literal["none", "row_mean"] = Field(description="row_mean: each row of W has mean 1")
    z_parts: Annotated[list[Literal["spatial", "temporal"]], Field(min_length=1, max_length=2)] = Field(
        description="what is concatenated in Eqs. 5-6"
    )
    mask_overlap: bool = Field(description="leave windows that overlap in time out of the negatives")
    sensor_temporal: SensorTemporal = Field(description="temporal sensor encoder (Table 6)")
    flow: bool = Field(description="give the temporal video encoder the optical flow, or zeros")
    time_average: Literal["steps", "differences"] = Field(description="what the temporal video encoder averages")


class RandomEncoderSection(MethodSection):
    """Control: DETACH's own sensor networks at initialisation."""

    shared = ("input", "encoders")

    sensor_temporal: SensorTemporal = Field(description="temporal sensor encoder")


class StatisticsSection(MethodSection):
    """Control: hand-made statistics of the sensor window."""

    shared = ("input",)


class SupervisedSection(TrainedSection):
    """Control: the same sensor networks, end to end on the labels of pretrain and probe-train."""

    sensor_temporal: SensorTemporal = Field(description="temporal sensor encoder")


METHOD_CONFIGS: dict[str, type[MethodSection]] = {
    "detach": DetachSection,
    "random_encoder": RandomEncoderSection,
    "statistics": StatisticsSection,
    "supervised": SupervisedSection,
}
