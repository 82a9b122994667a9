"""One class per method and control: the keys of its section under `methods`, and the shared sections that it uses."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from detach_core.config.section import OpenShare, Section, Share

SensorTemporal = Literal["cnn_gru", "transformer", "cnn_gru_attention"]
COUNTS_OF_EPOCHS = frozenset({"epochs", "teacher_epochs"})
NETWORK = ("input", "augmentation", "encoders", "optimizer")


class MethodSection(Section):
    """What a method says about itself."""

    needs_spatial: ClassVar[bool] = False
    shared: ClassVar[tuple[str, ...]] = NETWORK
    takes_weight_file: ClassVar[bool] = True


class TrainedSection(MethodSection):
    """A method that is trained by steps of AdamW."""

    shared: ClassVar[tuple[str, ...]] = (*NETWORK, "video")

    epochs: int = Field(ge=1, le=10_000, description="passes over the pretraining windows, before `epoch_share`")
    batch_size: int = Field(ge=2, le=65_536, description="windows (or recordings) of a step")
    paper_steps: int | None = Field(
        ge=1, description="steps of the paper's run: lr x steps is kept; null takes the learning rate as it is"
    )


class DetachSection(TrainedSection):
    """DETACH, Stage 2 (Sec. 3.2)."""

    needs_spatial = True
    shared = (*NETWORK, "video", "snapshots")

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


class Imu2ClipSection(TrainedSection):
    """IMU2CLIP without its text terms."""

    temperature: float = Field(ge=0.01, le=1, description="where the learned temperature starts")
    length: int = Field(ge=141, le=10_000, description="samples that a window is resampled to (200 Hz in its paper)")
    authors_adaptation: bool = Field(
        description="128 samples padded to 150, as DETACH's authors: one step reaches the GRU"
    )


class PrimusSection(TrainedSection):
    """PRIMUS without its text terms."""

    temperature: float = Field(ge=0.01, le=1, description="where the learned temperatures start")
    length: int = Field(ge=123, le=10_000, description="samples that a window is resampled to")
    self_supervised_weight: Share = Field(description="alpha: weight of the sensor-only terms, 1 - alpha the video's")
    queue: int = Field(ge=1, le=1_000_000, description="windows to seek neighbours in; at most a quarter of all")
    exclude_s: float = Field(ge=0, le=3600, description="windows of the same recording this near are no neighbours (s)")
    transforms: list[Literal["noise", "scale", "negate", "permute"]] = Field(
        description="that make the second sensor view of the first"
    )
    segments: int = Field(ge=2, le=64, description="pieces that `permute` shuffles")
    authors_adaptation: bool = Field(
        description="128 samples, noise and scale, probe on the video head, as DETACH's authors"
    )


class ComodoSection(TrainedSection):
    """COMODO with a teacher trained on the pretraining clips."""

    lr: float = Field(gt=0, le=1, description="learning rate before the scale rule")
    teacher_epochs: int = Field(ge=1, le=10_000, description="passes that train the teacher first, before the share")
    teacher_contrast: float = Field(gt=0, le=10, description="temperature of the teacher's own training")
    teacher_temperature: float = Field(gt=0, le=10, description="of the teacher's similarities to the queue")
    student_temperature: float = Field(gt=0, le=10, description="of the student's similarities to the queue")
    queue: int = Field(ge=1, le=1_000_000, description="teacher embeddings kept; at most a quarter of all windows")
    hidden: int = Field(ge=1, le=65_536, description="width of the projection's hidden layer")
    centre_teacher: bool = Field(description="take the mean off the teacher's embeddings")


class CavMaeSection(TrainedSection):
    """CAV-MAE, the stand-in for EVI-MAE. Its video network is its own and not the shared trunk."""

    takes_weight_file = False

    length: int = Field(ge=16, le=10_000, description="samples that a window is resampled to")
    patch_samples: int = Field(ge=1, le=1000, description="samples of a sensor patch")
    patch_px: int = Field(ge=2, le=64, description="side of a frame's patch (px)")
    frames: int = Field(ge=1, le=64, description="random frames of a window that are seen in a step")
    width: int = Field(ge=16, le=4096, multiple_of=16, description="of a token")
    heads: int = Field(ge=1, le=64, description="of the attention; divides width")
    separate_layers: int = Field(ge=1, le=48, description="layers of each modality alone")
    joint_layers: int = Field(ge=1, le=48, description="layers of both modalities")
    decoder_width: int = Field(ge=16, le=4096, multiple_of=16, description="of a token in the decoder")
    decoder_layers: int = Field(ge=1, le=48, description="layers of the decoder")
    masked: OpenShare = Field(description="share of patches that is hidden")
    contrast_weight: float = Field(ge=0, le=100, description="of the contrastive term beside the reconstruction")
    temperature: float = Field(gt=0, le=10, description="of the contrastive term")
    normalise_patches: bool = Field(description="reconstruct each patch at mean 0 and deviation 1")
    warmup: Share = Field(description="share of the steps in which the learning rate rises; then it falls as a cosine")


class RandomEncoderSection(MethodSection):
    """Control: DETACH's own sensor networks at initialisation."""

    shared = ("input", "encoders")

    sensor_temporal: SensorTemporal = Field(description="temporal sensor encoder")


class StatisticsSection(MethodSection):
    """Control: hand-made statistics of the sensor window."""

    shared = ("input",)


class SupervisedSection(TrainedSection):
    """Control: the same sensor networks, end to end on the labels of pretrain and probe-train."""

    shared = NETWORK

    sensor_temporal: SensorTemporal = Field(description="temporal sensor encoder")


METHOD_CONFIGS: dict[str, type[MethodSection]] = {
    "detach": DetachSection,
    "imu2clip": Imu2ClipSection,
    "primus": PrimusSection,
    "comodo": ComodoSection,
    "cav_mae": CavMaeSection,
    "random_encoder": RandomEncoderSection,
    "statistics": StatisticsSection,
    "supervised": SupervisedSection,
}
