"""Negative pairs: spatio-temporal weights (Sec. 3.2, Eqs. 7-11), and true kinds for monitoring alone.

Row `i` indexes videos, column `j` sensors. Similarities are cosines in [-1, 1]. Kinds: false, of one place and one
action; hard, of one place and different actions; easy, of different places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import normalize, relu

from detach_core.methods.batch import Truth
from detach_core.methods.detach.net_change import net_change_similarity
from detach_core.methods.detach.settings import TemporalSimilarity

Damping = Literal["spatial", "temporal"]


def cosine_matrix(rows: Tensor, columns: Tensor) -> Tensor:
    """Cosine of each row of `rows` (N, d) with each row of `columns` (M, d), within [-1, 1]; a zero vector gives 0."""
    # Rounding takes the cosine of equal vectors beyond 1, and a weight below 0 would follow.
    return (normalize(rows, dim=-1) @ normalize(columns, dim=-1).T).clamp(-1.0, 1.0)


def combine_spatial_similarity(video: Tensor, sensor: Tensor) -> Tensor:
    """Eq. 7: spatial similarity of a pair, the larger of both modalities'. Range [0, 1].

    Args:
        video: cosines between the videos' spatial features.
        sensor: cosines between the sensors' spatial features, of the same shape.

    Raises:
        ValueError: if the shapes differ.
    """
    _check_same_shape(video, sensor)
    return torch.maximum(relu(video), relu(sensor)).clamp(max=1.0)


def hard_negative_weight(spatial_similarity: Tensor, hardness: float) -> Tensor:
    """Eq. 8: from 1 (another place) to `hardness`, the paper's lambda_hard (the same place).

    Args:
        spatial_similarity: within [0, 1].
        hardness: at least 1.

    Raises:
        ValueError: if `hardness` is below 1.
    """
    if not hardness >= 1:
        raise ValueError(f"hardness must be at least 1, got {hardness}")
    return 1.0 + (hardness - 1.0) * spatial_similarity


def temporal_similarity(video: Tensor, sensor: Tensor) -> Tensor:
    """Eq. 9: the mean of the two modalities' cosines. Range [-1, 1].

    Args:
        video: cosines between the videos' temporal features.
        sensor: cosines between the sensors' temporal features, of the same shape.

    Raises:
        ValueError: if the shapes differ.
    """
    _check_same_shape(video, sensor)
    return ((video + sensor) / 2.0).clamp(-1.0, 1.0)


def false_negative_weight(spatial_similarity: Tensor, temporal_similarity: Tensor, damping: Damping) -> Tensor:
    """Eq. 10: from 1 (another place or another motion) to 0 (the same place and motion). Range [0, 1].

    Note (differs from paper): the printed equation has the temporal similarity as its first factor too, which damps
    easy negatives of equal motion as well; `damping="temporal"` selects that form.

    Args:
        spatial_similarity: within [0, 1].
        temporal_similarity: within [-1, 1], of the same shape; below 0 gives a weight of exactly 1.
        damping: the first factor, `spatial` or `temporal`.

    Raises:
        ValueError: if the shapes differ or `damping` is unknown.
    """
    _check_same_shape(spatial_similarity, temporal_similarity)
    if damping not in ("spatial", "temporal"):
        raise ValueError(f"damping must be 'spatial' or 'temporal', got {damping!r}")
    factor = spatial_similarity if damping == "spatial" else temporal_similarity
    return (1.0 - factor * relu(temporal_similarity)).clamp(min=0.0)


def centred_by_cluster(feature: Tensor, cluster: Tensor) -> Tensor:
    """Features (N, d) at unit length minus their mean over the windows of their cluster.

    What all windows of a place have in common has no part in the cosines of Eq. 9 then. The only window of a cluster
    gives 0.

    Args:
        feature: (N, d) of any length.
        cluster: (N,) whole numbers from 0.

    Raises:
        ValueError: on shapes that do not fit.
    """
    if cluster.shape != feature.shape[:1]:
        raise ValueError(f"expected a cluster for each of {len(feature)} windows, got {tuple(cluster.shape)}")
    unit = normalize(feature, dim=-1)
    members = torch.nn.functional.one_hot(cluster).to(unit)
    alone = members.sum(dim=0)[cluster] < 2
    mean = (members.T @ unit) / members.sum(dim=0).clamp(min=1)[:, None]
    return torch.where(alone[:, None], torch.zeros_like(unit), unit - mean[cluster])


@dataclass(frozen=True)
class PairFeatures:
    """Features of a batch from which weights are computed, each (N, d) of any length; None where T has other sources.

    Attributes:
        video_spatial: frozen.
        sensor_spatial: frozen.
        video_temporal: of the momentum encoder.
        sensor_temporal: of the momentum encoder.
        net_change: the parts of the windows' net change.
        cluster: (N,) each window's cluster of Stage 1.

    Raises:
        ValueError: on shapes that do not fit.
    """

    video_spatial: Tensor
    sensor_spatial: Tensor
    video_temporal: Tensor | None = None
    sensor_temporal: Tensor | None = None
    net_change: tuple[Tensor, ...] = ()
    cluster: Tensor | None = None

    def __post_init__(self) -> None:
        count = len(self.video_spatial)
        given = (self.video_spatial, self.sensor_spatial, self.video_temporal, self.sensor_temporal, *self.net_change)
        for feature in given:
            if feature is not None and (feature.ndim != 2 or len(feature) != count):
                raise ValueError(f"expected (N, d) with N = {count} for all of them, got {tuple(feature.shape)}")


@dataclass(frozen=True)
class PairSimilarities:
    """Similarities of a batch's pairs, each (N, N).

    Attributes:
        spatial: A of Eq. 7.
        temporal: T of Eq. 9, the mean of both modalities' cosines, or the similarity that takes its place.
        cross: cosines between video i and sensor j in T's place, where those are asked for.
    """

    spatial: Tensor
    temporal: Tensor
    cross: Tensor | None = None


@torch.no_grad()
def pair_similarities(
    features: PairFeatures, kind: TemporalSimilarity = "intra", *, gain: float = 1.0
) -> PairSimilarities:
    """Similarities of a batch's pairs in place and motion, computed once for weights, monitoring and figures.

    Args:
        features: of the batch; they are normalised here.
        kind: `intra` is Eq. 9 and `cross` adds the cosines across modalities; `centred` and `cluster_centred` are Eq. 9
            of features without their mean over the batch or over their cluster; `net_change` takes that in their place.
        gain: factor of T, which stays within [-1, 1]; above 0.

    Raises:
        ValueError: an unknown kind, or features that it needs and are not there.
    """
    if kind not in get_args(TemporalSimilarity):
        raise ValueError(f"temporal_similarity must be one of {', '.join(get_args(TemporalSimilarity))}, got {kind!r}")
    spatial = combine_spatial_similarity(
        cosine_matrix(features.video_spatial, features.video_spatial),
        cosine_matrix(features.sensor_spatial, features.sensor_spatial),
    )
    if kind == "net_change":
        return PairSimilarities(spatial, (gain * net_change_similarity(features.net_change)).clamp(-1.0, 1.0))
    video, sensor = _compared(features, kind)
    temporal = temporal_similarity(cosine_matrix(video, video), cosine_matrix(sensor, sensor))
    cross = (gain * cosine_matrix(video, sensor)).clamp(-1.0, 1.0) if kind == "cross" else None
    return PairSimilarities(spatial, (gain * temporal).clamp(-1.0, 1.0), cross)


def _compared(features: PairFeatures, kind: TemporalSimilarity) -> tuple[Tensor, Tensor]:
    """The temporal features whose cosines Eq. 9 takes."""
    video, sensor, cluster = features.video_temporal, features.sensor_temporal, features.cluster
    if video is None or sensor is None:
        raise ValueError(f"temporal_similarity {kind!r} needs the temporal features of both modalities")
    if kind not in ("centred", "cluster_centred"):
        return video, sensor
    if kind == "centred":
        cluster = torch.zeros(len(video), dtype=torch.int64, device=video.device)
    if cluster is None:
        raise ValueError(f"temporal_similarity {kind!r} needs the cluster of each window")
    return centred_by_cluster(video, cluster), centred_by_cluster(sensor, cluster)


@torch.no_grad()
def negative_weights(
    similarities: PairSimilarities,
    hardness: float,
    damping: Damping,
    *,
    spatial_weight: bool = True,
    temporal_weight: bool = True,
    normalise: Literal["none", "row_mean"] = "none",
) -> Tensor:
    """Eq. 11: the weight of each pair (N, N), 0 on the diagonal, at least 0; no gradient passes.

    Args:
        similarities: of `pair_similarities`.
        hardness: lambda_hard, at least 1.
        damping: see `false_negative_weight`.
        spatial_weight: False leaves W^spatial out (Table 2); spatial similarity still damps false negatives.
        temporal_weight: False leaves W^temporal out (Table 2).
        normalise: `row_mean` scales each row's negatives to a mean of 1.

    Raises:
        ValueError: on shapes that do not fit or an unknown option.
    """
    spatial = similarities.spatial
    temporal = similarities.temporal if similarities.cross is None else similarities.cross
    weight = torch.ones_like(spatial)
    if spatial_weight:
        weight = weight * hard_negative_weight(spatial, hardness)
    if temporal_weight:
        weight = weight * false_negative_weight(spatial, temporal, damping)
    weight = weight.clamp(min=0.0).fill_diagonal_(0.0)
    if normalise == "row_mean":
        mean = weight.sum(dim=1, keepdim=True) / max(len(weight) - 1, 1)
        # A row of false negatives alone holds only rounding errors, which are not to be blown up.
        return weight / torch.where(mean > 1e-6, mean, torch.ones_like(mean))
    if normalise != "none":
        raise ValueError(f"normalise must be 'none' or 'row_mean', got {normalise!r}")
    return weight


def _check_same_shape(first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape:
        raise ValueError(
            f"the two similarities must have one shape, got {tuple(first.shape)} and {tuple(second.shape)}"
        )


NO_PAIR, EASY, HARD, FALSE = -1, 0, 1, 2

KINDS = {"easy": EASY, "hard": HARD, "false": FALSE}


def negative_kinds(place: Tensor, action: Tensor, *, strict_easy: bool = False) -> Tensor:
    """Kind of each pair, (N, N) int8; NO_PAIR on the diagonal and where a place or action is unknown (-1).

    Args:
        place: (N,) whole numbers.
        action: (N,) whole numbers.
        strict_easy: count as easy only pairs of equal action, as the authors' figures do.

    Raises:
        ValueError: on shapes that do not fit.
    """
    if place.ndim != 1 or place.shape != action.shape:
        raise ValueError(f"place and action must both be (N,), got {tuple(place.shape)} and {tuple(action.shape)}")
    same_place, same_action = place[:, None] == place, action[:, None] == action
    kind = torch.full(same_place.shape, EASY, dtype=torch.int8, device=place.device)
    kind[same_place & ~same_action] = HARD
    kind[same_place & same_action] = FALSE
    if strict_easy:
        kind[~same_place & ~same_action] = NO_PAIR
    known = (place >= 0) & (action >= 0)
    kind[~(known[:, None] & known)] = NO_PAIR
    return kind.fill_diagonal_(NO_PAIR)


class PairMonitor:
    """Means of pair values (spatial and temporal similarity, weight) by the true kind of the pair, over an epoch."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._sums: dict[str, Tensor] = {}
        self._counts: Tensor | None = None

    def add(self, position: Tensor, **values: Tensor) -> None:
        """Count the pairs of one batch: `position` (B,) in the part, each of `values` (B, B)."""
        kind = negative_kinds(self._truth.location[position], self._truth.action[position])
        # Sums stay on the device: a step must not wait for a figure that is read once an epoch.
        masks = torch.stack([kind == code for code in KINDS.values()]).double()
        counts = masks.sum(dim=(1, 2))
        self._counts = counts if self._counts is None else self._counts + counts
        for name, value in values.items():
            total = (masks * value.detach().double()).sum(dim=(1, 2))
            self._sums[name] = self._sums[name] + total if name in self._sums else total

    def report(self) -> dict[str, dict[str, float]]:
        """Value -> kind -> mean since the last report; NaN for a kind without pairs."""
        if self._counts is None:
            return {}
        means = {
            name: dict(zip(KINDS, (total / self._counts).tolist(), strict=True)) for name, total in self._sums.items()
        }
        self._sums, self._counts = {}, None
        return means
