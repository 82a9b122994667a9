"""DETACH, Stage 1: spatial features and pseudo-labels (Sec. 3.1)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from detach_core.config.section import Section, Share


class PlateauSection(Section):
    """When the pseudo-labels are stable (Fig. 10)."""

    rate: Share = Field(description="share of changed pseudo-labels below which an epoch is calm")
    epochs: int = Field(ge=1, description="calm epochs in a row that end the refinement")


class SpatialSection(Section):
    """Stage 1."""

    clusters: int = Field(ge=2, le=1000, description="K")
    alpha: float = Field(ge=0, description="weight of L_cluster, Eq. 4")
    beta: float = Field(ge=0, description="weight of L_refine, Eq. 4")
    warmup_epochs: int = Field(ge=0, description="epochs of L_cluster alone")
    joint_epochs: int = Field(ge=1, description="T, epochs of L_cluster and L_video")
    refine: bool = Field(description="false trains as many joint epochs instead (Table 3)")
    refine_gate: Share = Field(description="video softmax maximum below which a label is not used")
    stop: Literal["adaptive", "fixed"] = Field(description="adaptive ends at the plateau")
    refinement_epochs: int = Field(ge=0, description="the cap of `adaptive`, the count of `fixed`")
    min_refinement_epochs: int = Field(ge=0, description="`adaptive` never ends earlier")
    plateau: PlateauSection
    confident_quantile: float = Field(gt=0, le=1, description="share of a cluster that counts as confident (Table 5)")
    confident_strict: bool = Field(description="below the threshold, not at it")
    refine_all: bool = Field(description="refine confident windows too (the other reading of Table 5's 100 %)")
    cluster_head: Literal["cosine", "linear", "learnable"] = Field(description="where p of Eq. 1 comes from")
    cluster_temperature: float = Field(gt=0, le=10, description="of the cosine head")
    cluster_scope: Literal["all", "confident"] = Field(description="windows that Eq. 1 sums over after the warm-up")
    memory_momentum: float = Field(gt=0, le=1, description="weight of the new feature in the memory")
    centroid_every_epochs: int = Field(ge=1, description="epochs from one update of the centroids to the next")
    min_size: Share = Field(description="of N / K: a smaller cluster is repaired; 0 switches the repair off")
    reweight: Literal["sum_k", "literal", "none"] = Field(description="class weights of Eq. 1")
    activation: Literal["abs", "signed", "range"] = Field(description="what the activation vector is a quantile of")
    freeze_video: bool = Field(description="keep the video encoder fixed in the refinement")
    batch_size: int = Field(ge=2, le=65_536, description="windows of a step")
    video_time_average: Literal["pixels", "features"] = Field(description="average frames before or after the encoder")
