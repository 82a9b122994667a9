"""Claims of the paper and what is asked of each: thresholds stand here before anything is measured (M4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from detach_core.config.reports import Names
from detach_core.config.section import Name, Section

Threshold = Annotated[float, Field(ge=-1.0, le=1.0)]


class Need(NamedTuple):
    """One kind of artifact, of one row of a table (a variant, a half or a Stage 1), in all the table's parts."""

    kind: Literal["metrics", "embeddings", "assignments", "negative_pairs"]
    table: str
    name: str


class ClaimSection(Section):
    """A claim: it holds where the interval of its value lies above `threshold`, or below it where `below` says so."""

    table: Name = Field(description="results table whose datasets, splits and seeds are looked at")
    datasets: Names = Field(description="datasets, a line each")
    threshold: Threshold = Field(description="what the value is held against, fixed before it is measured")

    @property
    def below(self) -> bool:
        """Whether the value must stay below the threshold."""
        return False

    @property
    def stage_one_input(self) -> str | None:
        """The Stage 1 whose input the claim looks at, if any; that takes the split."""
        return None

    def needs(self) -> Iterator[Need]:
        """The artifacts that the claim is decided by."""
        yield from ()


class Exceeds(ClaimSection):
    """A variant classifies better than others: difference in weighted F1, a line for each other."""

    measure: Literal["exceeds"]
    variant: Name = Field(description="variant that is claimed to be better")
    over: Names = Field(description="the others")

    def needs(self) -> Iterator[Need]:
        """Metrics of all."""
        yield from (Need("metrics", self.table, name) for name in (self.variant, *self.over))


class Ablation(Exceeds):
    """As `exceeds`, with the sign that the paper prints: an ablation moves in its direction."""

    measure: Literal["ablation"]  # type: ignore[assignment]


class SubtleGain(Exceeds):
    """The gain over others is larger for some classes: mean gain in their F1 minus that in the rest's."""

    measure: Literal["subtle_gain"]  # type: ignore[assignment]
    classes: Annotated[list[str], Field(min_length=1)] = Field(description="the classes that are claimed to gain most")


class ClustersOverKmeans(ClaimSection):
    """Stage 1's clusters recover places better than k-means on a variant's features and on Stage 1's own input."""

    measure: Literal["clusters_over_kmeans"]
    spatial: Name = Field(description="Stage 1 whose clusters are looked at")
    variant: Name = Field(description="variant whose sensor features k-means clusters")
    figure: Literal["hungarian", "nmi"] = Field(description="Hungarian accuracy or normalised mutual information")

    @property
    def stage_one_input(self) -> str:
        """The input of that Stage 1."""
        return self.spatial

    def needs(self) -> Iterator[Need]:
        """The clusters, and the features of the other."""
        yield Need("assignments", self.table, self.spatial)
        yield Need("embeddings", self.table, self.variant)


class ClusterClaim(ClaimSection):
    """A claim about the windows of one Stage 1; a window is right in a cluster whose commonest place is its own."""

    measure: Literal["confident_purer", "refinement_raises"]
    spatial: Name = Field(description="Stage 1 that is looked at")

    def needs(self) -> Iterator[Need]:
        """The clusters."""
        yield Need("assignments", self.table, self.spatial)


class RefinementOverControl(ClusterClaim):
    """Ambiguous windows end purer than in a Stage 1 that goes on without refinement."""

    measure: Literal["refinement_over_control"]  # type: ignore[assignment]
    control: Name = Field(description="Stage 1 without refinement, equal up to there")

    def needs(self) -> Iterator[Need]:
        """Both."""
        yield from super().needs()
        yield Need("assignments", self.table, self.control)


class WeightClaim(ClaimSection):
    """A claim about the weights of one batch's negatives at the snapshots of a training."""

    measure: Literal["easy_near_one", "hard_above_false", "separation_grows"]
    variant: Name = Field(description="variant of detach that is looked at")

    @property
    def below(self) -> bool:
        """The distance of the easy weight from one must be small."""
        return self.measure == "easy_near_one"

    def needs(self) -> Iterator[Need]:
        """The pairs."""
        yield Need("negative_pairs", self.table, self.variant)


Claim = Annotated[
    Exceeds | Ablation | SubtleGain | ClustersOverKmeans | ClusterClaim | RefinementOverControl | WeightClaim,
    Field(discriminator="measure"),
]


class SignificanceSection(Section):
    """Paired comparisons of every row of some tables with one variant."""

    reference: Name = Field(description="variant that each row is compared with")
    tables: Names = Field(description="results tables; Holm's correction is over the rows of one")
    swaps: int = Field(ge=10_000, description="random swaps of the permutation test; the smallest p is 1 / (swaps + 1)")
