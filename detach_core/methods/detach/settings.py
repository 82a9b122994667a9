"""Settings of DETACH: Stage 1 (Sec. 3.1) and Stage 2 (Sec. 3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from detach_core.methods.registry import (
    BatchSize,
    SecondStageSettings,
    SensorTemporal,
    SnapshotShares,
    TemporalCue,
    VideoNetworkSettings,
)
from detach_core.settings.base import Count, Derived, OpenShare, Range, Settings, Share
from detach_core.settings.shared import (
    AugmentationSettings,
    OptimizerSettings,
)

NonNegative = Annotated[int, Range(ge=0)]

TemporalSimilarity = Literal["intra", "cross", "centred", "cluster_centred", "net_change"]


@dataclass(frozen=True)
class PlateauSettings(Settings):
    """Plateau of stable pseudo-labels (Fig. 10)."""

    rate: Share = 0.01
    """share of changed pseudo-labels below which an epoch is calm"""
    epochs: Count = 3
    """calm epochs in a row that end the refinement"""


@dataclass(frozen=True)
class SpatialSettings(VideoNetworkSettings):
    """DETACH, Stage 1: spatial features and pseudo-labels (Sec. 3.1)."""

    # The paper's rate as it is: its batch is made smaller instead, for as many steps.
    paper_steps: ClassVar[int | None] = None
    lr: ClassVar[float | None] = None
    takes_weight_file: ClassVar[bool] = True

    clusters: Annotated[int, Range(ge=2, le=1000)] = 7
    """K"""
    alpha: Annotated[float, Range(ge=0)] = 1.0
    """weight of L_cluster, Eq. 4"""
    beta: Annotated[float, Range(ge=0)] = 1.5
    """weight of L_refine, Eq. 4"""
    warmup_epochs: NonNegative = 5
    """epochs of L_cluster alone"""
    joint_epochs: Count = 10
    """T, epochs of L_cluster and L_video"""
    refine: bool = True
    """false trains as many joint epochs instead (Table 3)"""
    refine_gate: Share = 0.0
    """video softmax maximum below which a label is not used"""
    stop: Literal["adaptive", "fixed"] = "adaptive"
    """adaptive ends at the plateau"""
    refinement_epochs: NonNegative = 10
    """the cap of `adaptive`, the count of `fixed`"""
    min_refinement_epochs: NonNegative = 5
    """`adaptive` never ends earlier"""
    plateau: PlateauSettings = PlateauSettings()
    confident_quantile: Annotated[float, Range(gt=0, le=1)] = 0.75
    """share of a cluster that counts as confident (Table 5)"""
    confident_strict: bool = False
    """below the threshold, not at it"""
    refine_all: bool = False
    """refine confident windows too (the other reading of Table 5's 100 %)"""
    cluster_head: Literal["cosine", "linear", "learnable"] = "cosine"
    """where p of Eq. 1 comes from"""
    cluster_temperature: Annotated[float, Range(gt=0, le=10)] = 0.1
    """of the cosine head"""
    cluster_scope: Literal["all", "confident"] = "all"
    """windows that Eq. 1 sums over after the warm-up"""
    memory_momentum: Annotated[float, Range(gt=0, le=1)] = 0.5
    """weight of the new feature in the memory"""
    centroid_every_epochs: Count = 1
    """epochs from one update of the centroids to the next"""
    min_size: Share = 0.15
    """of N / K: a smaller cluster is repaired; 0 switches the repair off"""
    reweight: Literal["sum_k", "literal", "none"] = "sum_k"
    """class weights of Eq. 1"""
    activation: Literal["abs", "signed", "range"] = "abs"
    """what the activation vector is a quantile of"""
    freeze_video: bool = True
    """keep the video encoder fixed in the refinement"""
    batch_size: BatchSize = 16
    """windows of a step; the paper's has 256 and ten times the windows, and this keeps its number of steps"""
    video_time_average: Literal["pixels", "features"] = "pixels"
    """average frames before or after the encoder"""
    augmentation: AugmentationSettings = AugmentationSettings()
    optimizer: OptimizerSettings = OptimizerSettings()


@dataclass(frozen=True)
class DetachSettings(SecondStageSettings):
    """DETACH, Stage 2 (Sec. 3.2)."""

    lr: Annotated[float, Range(gt=0, le=1)] | None = 3e-4
    """learning rate before the scale rule, chosen by cross-validation (docs/choices.md); null takes `optimizer.lr`"""
    temperature: Annotated[float, Range(gt=0, le=10)] = 0.1
    """tau_contrast, Eq. 12"""
    hardness: Annotated[float, Range(gt=1, le=100)] = 3.0
    """lambda_hard, Eq. 8"""
    contrastive: Literal["weighted", "infonce"] = "weighted"
    """Eq. 12, or plain InfoNCE (Table 3)"""
    spatial_weight: bool = True
    """use W^spatial (Table 2)"""
    temporal_weight: bool = True
    """use W^temporal (Table 2)"""
    damping: Literal["spatial", "temporal"] = "spatial"
    """first factor of Eq. 10; temporal is as printed"""
    temporal_similarity: TemporalSimilarity = "intra"
    """Eq. 9: mean of both modalities, or across them; the mean without what the batch or a cluster of Stage 1 has in
    common; or the likeness of what windows leave changed, without momentum encoders"""
    temporal_gain: Annotated[float, Range(gt=0, le=100)] = 1.0
    """factor of T, which stays within [-1, 1]"""
    momentum: OpenShare = 0.999
    """m of the momentum encoders"""
    momentum_left: OpenShare | None = 0.1
    """m is lowered until at most this share of the start is left at the end; null keeps m"""
    momentum_encoder: bool = True
    """false takes the online features for Eq. 9 (Table 4)"""
    normalise_weights: Literal["none", "row_mean"] = "none"
    """row_mean: each row of W has mean 1"""
    z_parts: Annotated[tuple[Literal["spatial", "temporal"], ...], Range(min_length=1, max_length=2)] = (
        "spatial",
        "temporal",
    )
    """what is concatenated in Eqs. 5-6"""
    mask_overlap: bool = False
    """leave windows that overlap in time out of the negatives"""
    sensor_temporal: SensorTemporal = "cnn_gru_attention"
    """temporal sensor encoder (Table 6)"""
    temporal_cue: TemporalCue = "none"
    """trend: its feature plus a projection of the channels' net change"""
    video_cells: Annotated[int, Range(ge=1, le=16)] = 1
    """cells a side over which the temporal video encoder's last map is averaged; 1 is the whole picture"""
    flow: bool = True
    """give the temporal video encoder the optical flow, or zeros"""
    time_average: Literal["steps", "differences"] = "steps"
    """what the temporal video encoder averages"""
    snapshots: SnapshotShares = (0.0, 0.4, 1.0)
    """shares of the epochs at which weights are kept (Fig. 4: epochs 0, 20, 50)"""
    spatial_settings: Annotated[SpatialSettings | None, Derived()] = None

    @property
    def parts(self) -> tuple[str, ...]:
        """Both halves."""
        return ("spatial", "temporal")
