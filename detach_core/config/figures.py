"""Figures: what each draws and of which runs, and what the analysis behind them measures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from detach_core.config.reports import Names
from detach_core.config.section import Label, Name, Section

# Drawing -> the artifacts that it is made from, as detach_core/reports/figures says (a test holds them together).
NEEDS: dict[str, tuple[str, ...]] = {
    "weight_cdf": ("negative_pairs",),
    "class_separation": ("negative_pairs",),
    "phase_space": ("negative_pairs",),
    "feature_map": ("windows", "split", "embeddings"),
    "activation_maps": ("activation_maps",),
    "assignment_stability": ("windows", "spatial_history"),
}
# Drawings of one run; the others take every seed.
OF_ONE_SEED = frozenset({"feature_map"})
PairGroups = Literal["all", "authors"]


class FigureSection(Section):
    """A figure of the runs of one split."""

    split: Name = Field(description="name of the split")


class RunFigure(FigureSection):
    """A figure of one variant on one dataset."""

    dataset: Name = Field(description="dataset that is shown")
    variant: Name = Field(description="variant that is shown")

    @property
    def shown(self) -> list[str]:
        """The one dataset."""
        return [self.dataset]


class WeightCdf(RunFigure):
    """Fig. 4: how the weights of easy, hard and false negatives are distributed as training goes on."""

    draw: Literal["weight_cdf"]
    pair_groups: PairGroups = Field(description="all pairs, or the authors' narrower choice")


class ClassSeparation(RunFigure):
    """Fig. 5: the classes whose hard and false negatives differ most and least in weight."""

    draw: Literal["class_separation"]
    num_classes: int = Field(ge=1, le=20, description="classes at either end")


class PhaseSpace(RunFigure):
    """Fig. 6: spatial and temporal similarity of one class's pairs."""

    draw: Literal["phase_space"]
    query_class: Label = Field(description="class at one side of every pair")
    pair_groups: PairGroups = Field(description="all pairs, or the authors' narrower choice")


class FeatureMap(RunFigure):
    """Figs. 7 and 9: t-SNE of features."""

    draw: Literal["feature_map"]
    features: Annotated[
        list[Literal["video", "sensor", "video_spatial", "sensor_spatial", "video_temporal", "sensor_temporal"]],
        Field(min_length=1, max_length=4),
    ] = Field(description="features, a panel each")
    colour: Literal["class", "place", "sensor"] = Field(description="what the colour says")
    max_windows: int = Field(ge=10, le=100_000, description="windows that are shown at most")
    perplexity: float = Field(gt=1, le=1000, description="of t-SNE: about how many neighbours count")


class ActivationMaps(RunFigure):
    """Fig. 8: where in the picture the networks answer."""

    draw: Literal["activation_maps"]


class AssignmentStability(FigureSection):
    """Fig. 10: how many windows change their pseudo-label in each epoch of Stage 1."""

    draw: Literal["assignment_stability"]
    datasets: Names = Field(description="datasets, a curve each")
    spatial: Name = Field(description="Stage 1 that is shown")

    @property
    def shown(self) -> list[str]:
        """All its datasets."""
        return self.datasets


Figure = Annotated[
    WeightCdf | ClassSeparation | PhaseSpace | FeatureMap | ActivationMaps | AssignmentStability,
    Field(discriminator="draw"),
]


class MapsSection(Section):
    """Windows and networks of the activation maps."""

    baseline: Name = Field(description="variant whose video map stands beside")
    moving: float = Field(gt=0, le=255, description="change of brightness from which a pixel moves (grey levels)")
    classes: dict[Name, Annotated[list[Label], Field(min_length=1, max_length=6)]] = Field(
        description="dataset -> the classes of the windows that are shown"
    )


class AnalysisSection(Section):
    """What is measured behind the figures."""

    pair_windows: int = Field(ge=8, le=4096, description="windows whose pairs are looked at, the same for every run")
    maps: MapsSection
