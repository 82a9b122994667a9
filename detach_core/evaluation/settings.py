"""Settings of the probe, retrieval, comparisons, claims and the analysis of trained networks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, TypeVar

from detach_core.settings.base import Label, Name, Names, Range, Settings, Share, from_plain
from detach_core.settings.shared import Candidate, Form, MachineSettings

ClassWeights = Literal["none", "fit", "fit_and_choice"]
Half = Literal["spatial", "temporal", "shared", "whole"]
Target = Literal["class", "place", "action"]
Part = tuple[str, str]
ArtifactKind = Literal["metrics", "embeddings", "assignments", "negative_pairs"]


@dataclass(frozen=True)
class IntervalSettings(Settings):
    """Intervals of metrics."""

    bootstrap: Annotated[int, Range(ge=1, le=1_000_000)] = 1000
    """resamples of the intervals"""
    confidence: Annotated[float, Range(gt=0.5, lt=1)] = 0.95
    """coverage of the intervals"""


@dataclass(frozen=True)
class ProbeSettings(Settings):
    """A linear classifier on frozen features, the same for every method, and the intervals of its metrics."""

    kind: Literal["logistic", "authors"] = "logistic"
    """logistic: to convergence, C by inner cross-validation; authors: Adam 1e-3 for 50 epochs"""
    c: Annotated[tuple[Annotated[float, Range(gt=0)], ...], Range(min_length=1)] = (0.01, 0.1, 1.0, 10.0, 100.0)
    """inverse strengths of regularisation to try"""
    class_weights: ClassWeights = "fit_and_choice"
    """whether classes have equal weight, whatever their number of units: in the fit, and in the choice of C too"""
    inner_folds: Annotated[int, Range(ge=2, le=20)] = 3
    """folds of the choice of C inside probe-train"""
    bootstrap: Annotated[int, Range(ge=1, le=1_000_000)] = 1000
    """resamples of the intervals"""
    confidence: Annotated[float, Range(gt=0.5, lt=1)] = 0.95
    """coverage of the intervals"""


@dataclass(frozen=True)
class LabelCurveSettings(Settings):
    """Classifiers that know few labelled gestures (or sequences), of the sensors or of the video."""

    counts: Annotated[tuple[Annotated[int, Range(ge=1)], ...], Range(min_length=1)] = (1, 2, 3, 5)
    """labelled gestures (or sequences) of each class; all of them come last in any case"""
    draws: Annotated[int, Range(ge=1, le=1000)] = 10
    """draws of the gestures"""
    c: Annotated[float, Range(gt=0)] = 1.0
    """inverse strength of regularisation: fixed, as one gesture of each class leaves nothing to choose it by"""
    looks: tuple[Annotated[int, Range(ge=1)], ...] = (1, 2, 4)
    """looks at the video, in multiples of the number of classes: so many named clusters, and so many random looks"""
    video_c: Annotated[float, Range(gt=0)] = 0.01
    """inverse strength of regularisation of what is fitted on the video and applied to the sensors"""


@dataclass(frozen=True)
class LabelCurveJob(MachineSettings):
    """A label curve as its stage gets it; the probe's intervals and class weights hold for it too."""

    probe: ProbeSettings = ProbeSettings()
    curve: LabelCurveSettings = LabelCurveSettings()


@dataclass(frozen=True)
class HalfSettings(Settings):
    """A row of a table that probes a part of a variant's embedding, or the whole for a part of the class's name."""

    variant: Name
    """variant whose embeddings are probed"""
    half: Half
    """where, or how; shared: what meets the video, where that is not what is probed; whole: what is probed anyway"""
    target: Target
    """target of the probe: a part of the class's name"""


@dataclass(frozen=True)
class ProbeJob(MachineSettings):
    """Settings of stage `probe`: the probe, and the changes of each candidate, the unchanged run first."""

    probe: ProbeSettings = ProbeSettings()
    candidates: tuple[Candidate, ...] = ({},)
    half: Half | None = None
    target: Target = "class"
    variant: Name | None = None
    """the row's name where it is not the name of the embedded variant"""


@dataclass(frozen=True, kw_only=True)
class EmbedJob(MachineSettings):
    """Settings of stage `embed`."""

    variant: str


@dataclass(frozen=True, kw_only=True)
class RetrievalJob(IntervalSettings):
    """Settings of stage `retrieval`: the input form of each variant's sensor windows."""

    forms: dict[str, Form]


@dataclass(frozen=True)
class MapsSettings(Settings):
    """Windows and networks of the activation maps."""

    baseline: Name
    """variant whose video map is shown for comparison"""
    moving: Annotated[float, Range(gt=0, le=255)]
    """change of brightness from which a pixel moves (grey levels)"""
    classes: dict[Name, Annotated[tuple[Label, ...], Range(min_length=1, max_length=6)]]
    """dataset -> the classes of the windows that are shown"""


@dataclass(frozen=True)
class AnalysisSettings(Settings):
    """Measurements of trained networks behind the figures."""

    pair_windows: Annotated[int, Range(ge=8, le=4096)]
    """windows whose pairs are analysed, the same for every run"""
    maps: MapsSettings


@dataclass(frozen=True, kw_only=True)
class NegativePairsJob(MachineSettings):
    """Settings of stage `negative_pairs`: shares of the epochs, and number of windows of the batch."""

    variant: str
    snapshots: tuple[Share, ...]
    windows: int


@dataclass(frozen=True, kw_only=True)
class ActivationMapsJob(MachineSettings):
    """Settings of stage `activation_maps`: variants, threshold of motion (grey levels), a class for each window."""

    variant: str
    baseline: str
    moving: float
    classes: tuple[str, ...]


@dataclass(frozen=True)
class ArtifactKey(Settings):
    """One artifact of a run: its kind, and dataset, split and seed of the variant, half or Stage 1 called `name`."""

    kind: ArtifactKind
    dataset: str
    split: str
    name: str
    seed: int


@dataclass(frozen=True)
class SignificanceSettings(Settings):
    """Paired comparisons of every row of some tables with one or several of them."""

    references: Names
    """variants that the rows are compared with, each in the tables that have it"""
    tables: Names
    """results tables; Holm's correction is over the rows of one that are compared with the same reference"""
    swaps: Annotated[int, Range(ge=10_000)] = 10_000
    """random swaps of the permutation test; the smallest p is 1 / (swaps + 1)"""


@dataclass(frozen=True)
class ComparedTable(Settings):
    """Rows of a results table, and its parts, each a dataset and a split."""

    rows: tuple[str, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True)
class SignificanceJob(Settings):
    """Settings of the stages `significance`, with `keys` in the order of the files, and `few_labels`, without."""

    references: tuple[str, ...]
    swaps: int
    confidence: float
    tables: dict[str, ComparedTable]
    keys: tuple[ArtifactKey, ...]


class Need(NamedTuple):
    """One kind of artifact, of one row of a table (a variant, a half or a Stage 1), in all the table's parts."""

    kind: ArtifactKind
    table: str
    name: str


@dataclass(frozen=True, kw_only=True)
class ClaimSettings(Settings):
    """A claim: it holds where the interval of its value lies above `threshold`, or below it where `below` says so.

    A measure narrows `measure` to its name.
    """

    below: ClassVar[bool] = False
    """whether the value must stay below the threshold"""

    measure: str
    table: Name
    """results table whose datasets, splits and seeds are used"""
    datasets: tuple[Name, ...]
    """datasets, a line each; with none of them the claim is left out"""
    threshold: Annotated[float, Range(ge=-1.0, le=1.0)]
    """threshold of the value, fixed before it is measured"""

    def needs(self) -> Iterator[Need]:
        """The artifacts on which the claim's verdict depends."""
        yield from ()


@dataclass(frozen=True, kw_only=True)
class ComparisonSettings(ClaimSettings):
    """A claim about the weighted F1 of a variant and of others, a line for each other."""

    variant: Name
    """variant that is claimed to be better"""
    over: Names
    """the others"""

    def needs(self) -> Iterator[Need]:
        """The metrics of all compared variants."""
        yield from (Need("metrics", self.table, name) for name in (self.variant, *self.over))


@dataclass(frozen=True, kw_only=True)
class ExceedsSettings(ComparisonSettings):
    """A variant classifies better than others: difference in weighted F1."""

    measure: Literal["exceeds"]


@dataclass(frozen=True, kw_only=True)
class AblationSettings(ComparisonSettings):
    """As `exceeds`, with the sign that the paper prints: an ablation moves in its direction."""

    measure: Literal["ablation"]


@dataclass(frozen=True, kw_only=True)
class SubtleGainSettings(ComparisonSettings):
    """The gain over others is larger for some classes: mean gain in their F1 minus that of the rest."""

    measure: Literal["subtle_gain"]
    classes: Annotated[tuple[str, ...], Range(min_length=1)]
    """the classes that are claimed to gain most"""


@dataclass(frozen=True, kw_only=True)
class ClusterSettings(ClaimSettings):
    """A claim about the windows of one Stage 1; a window is right in a cluster whose commonest place is its own."""

    spatial: Name
    """Stage 1 that is evaluated"""

    def needs(self) -> Iterator[Need]:
        """The clusters of Stage 1."""
        yield Need("assignments", self.table, self.spatial)


@dataclass(frozen=True, kw_only=True)
class OverKmeansSettings(ClusterSettings):
    """Stage 1's clusters recover places better than k-means on a variant's features and on Stage 1's own input."""

    measure: Literal["clusters_over_kmeans"]
    variant: Name
    """variant whose sensor features k-means clusters"""
    figure: Literal["hungarian", "nmi"]
    """Hungarian accuracy or normalised mutual information"""

    def needs(self) -> Iterator[Need]:
        """The clusters of Stage 1, and the features of the other variant."""
        yield from super().needs()
        yield Need("embeddings", self.table, self.variant)


@dataclass(frozen=True, kw_only=True)
class ConfidentPuritySettings(ClusterSettings):
    """Confident windows are purer than ambiguous ones, or refinement raises the purity of the ambiguous ones."""

    measure: Literal["confident_purer", "refinement_raises"]


@dataclass(frozen=True, kw_only=True)
class RefinementSettings(ClusterSettings):
    """Ambiguous windows end purer than in a Stage 1 that continues without refinement."""

    measure: Literal["refinement_over_control"]
    control: Name
    """Stage 1 without refinement, equal up to there"""

    def needs(self) -> Iterator[Need]:
        """The clusters of both Stages 1."""
        yield from super().needs()
        yield Need("assignments", self.table, self.control)


@dataclass(frozen=True, kw_only=True)
class PairWeightSettings(ClaimSettings):
    """A claim about the weights of one batch's negatives at the snapshots of a training."""

    variant: Name
    """variant of detach that is evaluated"""

    def needs(self) -> Iterator[Need]:
        """The negative pairs."""
        yield Need("negative_pairs", self.table, self.variant)


@dataclass(frozen=True, kw_only=True)
class WeightGapSettings(PairWeightSettings):
    """Hard negatives weigh more than false ones, at the end or more so than at the start."""

    measure: Literal["hard_above_false", "separation_grows"]


@dataclass(frozen=True, kw_only=True)
class EasyWeightSettings(PairWeightSettings):
    """The distance of the easy negatives' weight from one is small."""

    below: ClassVar[bool] = True
    measure: Literal["easy_near_one"]


AnyClaimSettings = (
    ExceedsSettings
    | AblationSettings
    | SubtleGainSettings
    | OverKmeansSettings
    | ConfidentPuritySettings
    | RefinementSettings
    | WeightGapSettings
    | EasyWeightSettings
)


@dataclass(frozen=True)
class ActivationSettings(Settings):
    """Input activation vector of a Stage 1: input form, quantile over time, and its kind of values."""

    form: Form
    activation_quantile: float
    activation: Literal["abs", "signed", "range"]


AnySettings = TypeVar("AnySettings", bound=ClaimSettings, covariant=True)


@dataclass(frozen=True)
class Claim(Generic[AnySettings]):
    """A claim with the resolved settings of its table and its Stage 1.

    Attributes:
        settings: of its measure's own type.
        parts: dataset and split of each part of its table that it is about.
        activation: input of its Stage 1, where the claim clusters that.
    """

    settings: AnySettings
    parts: tuple[Part, ...]
    activation: ActivationSettings | None = None

    def splits_of(self, dataset: str) -> tuple[str, ...]:
        """The splits of the claim's table that have the dataset."""
        return tuple(split for part, split in self.parts if part == dataset)


@dataclass(frozen=True)
class PlainClaim(Settings):
    """A claim in JSON form."""

    settings: AnyClaimSettings
    parts: tuple[Part, ...]
    activation: ActivationSettings | None = None


@dataclass(frozen=True, kw_only=True)
class ClaimsJob(IntervalSettings):
    """Settings of stage `claims`: the claims by name; `keys` in the order of the files."""

    claims: dict[str, PlainClaim]
    seeds: tuple[int, ...]
    keys: tuple[ArtifactKey, ...]


def read_claims(text: str) -> tuple[ClaimsJob, Mapping[str, Claim[Any]]]:
    """The stage's JSON as a job, and its claims by name."""
    job = from_plain(ClaimsJob, json.loads(text))
    return job, {name: Claim(one.settings, one.parts, one.activation) for name, one in job.claims.items()}
