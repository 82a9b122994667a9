"""Stage 1 of DETACH (paper, Sec. 3.1): spatial features from sensor clusters, learned and refined by the video.

Three phases: warm-up (the clusters alone), joint (the video learns them from confident windows), refinement (the video,
now frozen, decides for ambiguous windows). Note (differs from paper): the warm-up and the warm start by k-means are the
authors' code's; the paper does not mention them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from detach_core import clustering
from detach_core.clustering import spherical_kmeans
from detach_core.losses import unit_rows
from detach_core.methods.batch import (
    SENSOR,
    InputShape,
    Truth,
    WindowBatch,
    WindowsAccess,
    all_sensors,
    calibrate_batch_norm,
    required,
    sensor_batches,
)
from detach_core.methods.detach import losses, networks
from detach_core.methods.detach.clusters import (
    MemoryBank,
    change_rate,
    is_confident,
    minimum_members,
    nearest_centroid,
    refinement_is_over,
)
from detach_core.methods.detach.networks import ClusterHead, SpatialVideo
from detach_core.methods.detach.settings import SpatialSettings
from detach_core.methods.method import ActivationStatistics, Embedding, Method

KMEANS_STARTS, KMEANS_SEED = 10, 42

EVALUATION_BATCH = 256

NOT_ASKED = -1


class DetachSpatial(Method[SpatialSettings]):
    """E_ss, P_q, E_vs and the video's classifier, with the memory of every pretraining window."""

    settings_type = SpatialSettings
    probed = "sensor spatial"

    def __init__(self, settings: SpatialSettings, shape: InputShape, activation: ActivationStatistics) -> None:
        super().__init__(settings, shape, activation)
        self.sensor = networks.sensor_spatial(settings, shape, activation, mode=settings.activation)
        self.video, self.head = SpatialVideo(settings), ClusterHead(settings)
        self.video_init, self.row_networks = self.video.video_init, [self.sensor, self.video.encoder]
        self.memory = MemoryBank(num_windows=0, dim=self.embedding_dim, num_clusters=settings.clusters)
        self.phases = SpatialPhases(settings)
        self.batch_size, self.num_epochs = settings.batch_size, self.phases.num_epochs
        self.rates: list[float] = []
        self._start_phase(WARMUP)

    @property
    def embedding_dim(self) -> int:
        """Width of the spatial feature."""
        return int(self.settings.encoders.dim)

    @property
    def video_modalities(self) -> frozenset[str]:
        """The video's input in the phases that use it."""
        return frozenset({self.video.modality})

    def embed_sensor(self, sensor: Tensor) -> Embedding:
        """The spatial sensor feature at unit length."""
        feature = unit_rows(self.sensor(sensor))
        return Embedding(feature, spatial=feature)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """As `Method.restore`, with a memory of the checkpoint's number of windows."""
        self.memory = self.memory.sized(len(tensors["memory.label"]))
        super().restore(tensors)

    @torch.no_grad()
    def before_training(self, windows: WindowsAccess, *, num_steps: int) -> dict[str, Any]:
        """Initial features and clusters of the memory."""
        del num_steps
        networks.fit_activation(self.sensor, windows)
        calibrate_batch_norm(self.sensor, sensor_batches(windows))
        self.eval()
        sensor = all_sensors(windows)
        feature = torch.cat([self.sensor(part) for part in torch.split(sensor, EVALUATION_BATCH)])
        self.memory = self.memory.sized(len(feature))
        self.memory.start(feature, num_starts=KMEANS_STARTS, seed=KMEANS_SEED)
        self.head.start(self.memory.centroid)
        self._windows, self._truth = windows, windows.truth("pretrain")
        self._vote = torch.full((len(feature),), NOT_ASKED, device=feature.device)
        self._previous = self.memory.label.clone()
        return reference_agreement(
            self.sensor.activation(sensor), self._previous, self._truth, starts=KMEANS_STARTS, seed=KMEANS_SEED
        )

    def before_epoch(self, epoch: int) -> None:
        """Start of the epoch's phase; the video network's labels are computed once, when it is frozen."""
        phase, before = self.phases.phase(epoch), self.phase
        self._start_phase(phase)
        if self.video_is_frozen and phase != before:
            self.eval()
            self._frozen_logits = self.video.logits_of_all(self._windows)
            self._vote = self._frozen_logits.argmax(dim=1)

    def _start_phase(self, phase: str) -> None:
        self.phase = phase
        self.video_is_frozen = phase == REFINEMENT and bool(self.settings.freeze_video)
        silent = phase == WARMUP or self.video_is_frozen
        self.modalities = frozenset({SENSOR} if silent else {SENSOR, self.video.modality})

    def train(self, mode: bool = True) -> Self:
        """Training mode; the frozen video stays in evaluation mode, its BatchNorm too."""
        super().train(mode)
        self.video.train(mode and not self.video_is_frozen)
        return self

    def losses(self, batch: WindowBatch) -> dict[str, Tensor]:
        """Eqs. 1-4 of the phase. The targets are the memory's labels before this step."""
        settings, memory = self.settings, self.memory
        feature = self.sensor(required(batch.sensor))
        logits = self.head(feature, memory.centroid)
        label = memory.label[batch.position]
        # Note (differs from paper): the authors take the training pass's features for memory and confidence. Under
        # augmentation those lie beyond the memory's thresholds (a fifth of the windows is confident instead of three
        # quarters) and the labels never settle.
        clean = networks.clean_feature(self.sensor, self._windows, batch.position)
        self._seen = (batch.position, clean)
        confident = self._is_confident(clean, label)
        everyone = settings.cluster_scope == "all" or self.phase == WARMUP
        weights = losses.class_weights(memory.counts(), settings.reweight).to(logits)
        cluster = losses.cluster_loss(logits, label, weights, mask=None if everyone else confident)
        terms: dict[str, Tensor] = {}
        video_logits = refinement = None
        if not self.video_is_frozen and self.phase != WARMUP:
            video_logits = self.video(batch)
            self._vote[batch.position] = video_logits.detach().argmax(dim=1)
            terms["video"] = losses.video_spatial_loss(video_logits, label, confident)
        if self.phase == REFINEMENT:
            asked = torch.ones_like(confident) if settings.refine_all else ~confident
            word = self._frozen_logits[batch.position] if video_logits is None else video_logits
            refinement = losses.refinement_loss(logits, word, asked, gate=settings.refine_gate)
        return losses.sensor_loss_terms(cluster, refinement, settings.alpha, settings.beta) | terms

    def after_step(self) -> None:
        """Update of the memory by the step's features, and new labels of its windows."""
        self.memory.update(*self._seen, momentum=self.settings.memory_momentum)

    @torch.no_grad()
    def after_epoch(self, epoch: int) -> dict[str, Any]:
        """Update of centroids, repair of small clusters; the change rate (Fig. 10) and the clusters' monitoring."""
        settings, memory, repaired = self.settings, self.memory, 0
        if epoch and epoch % settings.centroid_every_epochs == 0:
            memory.recompute_centroids()
            members = minimum_members(settings.min_size, len(memory.label), settings.clusters)
            repaired = memory.repair(min_members=members)
        rate = change_rate(memory.label, self._previous)
        self._previous = memory.label.clone()
        if epoch >= self.phases.first_refinement:
            self.rates.append(rate)
        confident = self._confident = self._is_confident(memory.feature, memory.label)
        return {
            "phase": self.phase if epoch else "start",
            "change_rate": rate if epoch else None,
            "cluster_sizes": memory.counts().tolist(),
            "clusters_repaired": repaired,
            **agreement_row(memory.label, self._truth, confident),
            **vote_row(self._vote, memory.label, confident, self._truth),
            **self._monitor_video(),
        }

    def epoch_trace(self) -> dict[str, Tensor]:
        """Pseudo-labels (N,) of the memory and their confidence (N,), bool."""
        return {"cluster": self.memory.label.cpu().clone(), "confident": self._confident.cpu()}

    def training_state(self) -> dict[str, Any]:
        """The video's labels and the change rates; a frozen video network's logits are computed anew."""
        return {"vote": self._vote, "rates": self.rates}

    def restore_training_state(self, state: Mapping[str, Any]) -> None:
        """Restoration of that state; the previous labels are those of the memory, as at each epoch's end."""
        self._previous = self.memory.label.clone()
        self._vote, self.rates = state["vote"].to(self._previous.device), list(state["rates"])

    def _is_confident(self, feature: Tensor, label: Tensor) -> Tensor:
        thresholds = self.memory.thresholds(self.settings.confident_quantile)
        return is_confident(feature, label, self.memory.centroid, thresholds, strict=self.settings.confident_strict)

    def _monitor_video(self) -> dict[str, Any]:
        if bool((self._vote == NOT_ASKED).all()) or not self._windows.num_windows("monitor"):
            return {}
        self.eval()
        batches = self._windows.batches("monitor", modalities={SENSOR, self.video.modality})
        return unseen_accuracy(self.video, ((batch, *self._cluster(batch)) for batch in batches))

    def _cluster(self, batch: WindowBatch) -> tuple[Tensor, Tensor]:
        feature = self.sensor(required(batch.sensor))
        cluster = nearest_centroid(feature, self.memory.centroid)
        return cluster, self._is_confident(feature, cluster)

    @property
    def is_finished(self) -> bool:
        """Whether the labels are stable, or the refinement's last epoch is over."""
        return self.phases.is_over(self.rates)


WARMUP, JOINT, REFINEMENT = "warm-up", "joint", "refinement"


class SpatialPhases:
    """Warm-up, joint, refinement; without refinement (Table 3) the joint phase is longer by as many epochs."""

    def __init__(self, settings: SpatialSettings) -> None:
        self.settings = settings
        self.first_refinement = settings.warmup_epochs + settings.joint_epochs + 1
        self.num_epochs = self.first_refinement - 1 + settings.refinement_epochs

    def phase(self, epoch: int) -> str:
        """The phase of an epoch."""
        if epoch <= self.settings.warmup_epochs:
            return WARMUP
        return REFINEMENT if epoch >= self.first_refinement and self.settings.refine else JOINT

    def is_over(self, rates: Sequence[float]) -> bool:
        """Whether training ends here, given the change rates of the epochs from the first refinement on."""
        settings = self.settings
        return bool(rates) and refinement_is_over(
            rates,
            stop=settings.stop,
            refinement_epochs=settings.refinement_epochs,
            min_refinement_epochs=settings.min_refinement_epochs,
            plateau_rate=settings.plateau.rate,
            plateau_epochs=settings.plateau.epochs,
        )


# A classifier that gives nearly all windows one cluster would merge the clusters in the refinement.
COLLAPSED_SHARE = 0.8


def cluster_agreement(label: Tensor, location: Tensor, among: Tensor | None = None) -> dict[str, float]:
    """Purity, Hungarian accuracy and mutual information of clusters with true places, `among` some windows or all."""
    if among is not None:
        label, location = label[among], location[among]
    if not len(label):
        return dict.fromkeys(("purity", "hungarian", "nmi"), float("nan"))
    cluster, reference = label.cpu().numpy(), location.cpu().numpy()
    return {
        "purity": clustering.purity(cluster, reference),
        "hungarian": clustering.hungarian_accuracy(cluster, reference),
        "nmi": clustering.mutual_information(cluster, reference),
    }


def agreement_row(label: Tensor, truth: Truth, confident: Tensor) -> dict[str, Any]:
    """The agreement over all windows and over the confident and the ambiguous ones."""
    return {
        "confident_share": float(confident.double().mean()),
        "clusters": cluster_agreement(label, truth.location),
        "clusters_confident": cluster_agreement(label, truth.location, confident),
        "clusters_ambiguous": cluster_agreement(label, truth.location, ~confident),
    }


def reference_agreement(activation: Tensor, label: Tensor, truth: Truth, *, starts: int, seed: int) -> dict[str, Any]:
    """References for the clusters: k-means on the activation vector, and the same clusters shuffled."""
    kmeans, _ = spherical_kmeans(activation, int(label.max()) + 1, num_starts=starts, seed=seed)
    order = torch.randperm(len(label), generator=torch.Generator().manual_seed(seed)).to(label.device)
    return {
        "activation_kmeans": cluster_agreement(kmeans, truth.location),
        "shuffled_clusters": cluster_agreement(label[order], truth.location),
        "location_source": truth.source,
    }


def vote_row(vote: Tensor, label: Tensor, confident: Tensor, truth: Truth) -> dict[str, Any]:
    """Agreement of the video's labels with the sensor's clusters and the true places, and measures of collapse.

    Args:
        vote: (N,) cluster that the video predicts, -1 where it was not evaluated.
        label: (N,) clusters of the memory.
        confident: (N,) bool.
        truth: true places.
    """
    asked = vote >= 0
    if not bool(asked.any()):
        return {}
    same = (vote == label).double()
    votes = vote[asked].cpu().numpy()
    share = clustering.largest_share(votes)
    row: dict[str, Any] = {
        "vote_agreement_confident": float(same[asked & confident].mean()),
        "vote_agreement_ambiguous": float(same[asked & ~confident].mean()),
        "votes_ambiguous": cluster_agreement(vote, truth.location, asked & ~confident),
        "vote_entropy": clustering.entropy(votes),
        "vote_largest_share": share,
    }
    if share > COLLAPSED_SHARE:
        row["warning"] = f"the video names one cluster for {share:.0%} of the windows; refinement would merge clusters"
    return row


def unseen_accuracy(
    classify: Callable[[WindowBatch], Tensor], clusters: Iterable[tuple[WindowBatch, Tensor, Tensor]]
) -> dict[str, Any]:
    """Accuracy of the video's labels on confident windows outside training, against the sensor's clusters.

    Args:
        classify: the video's cluster logits (B, K) of a batch.
        clusters: batches with the sensor's clusters (B,) and which of them are confident (B,).
    """
    right, count = 0, 0
    for batch, cluster, confident in clusters:
        right += int((classify(batch).argmax(dim=1) == cluster)[confident].sum())
        count += int(confident.sum())
    return {"video_accuracy_unseen": right / count if count else None, "num_confident_unseen": count}
