"""Registry of figures, and their settings: data, input artifacts and caption of each.

A new figure is a file with its `Drawing`, and here its settings and its line. One of a package of your own is a single
file: `draw: "my_package.module:Class"`, where the class names its `settings_type`. Nothing heavy is imported, since
every job of the workflow reads these.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from detach_core.reports.captions import FEATURES, LABELS, STAGE_1, WEIGHTS, YOURS, Caption
from detach_core.settings.base import Label, Name, Names, Plugin, Range, Registry, Settings, from_plain
from detach_core.settings.shared import PointKind

if TYPE_CHECKING:
    from detach_core.reports.figures.drawing import AnyDrawing

PairGroups = Literal["all", "authors"]
Artifact = Literal[
    "windows", "split", "embeddings", "spatial_history", "negative_pairs", "activation_maps", "label_curve"
]
_PAIRS = {
    "all": "of all pairs of the batch that have labels",
    "authors": "of the pairs that the authors' scripts choose: easy ones of the same action, and one action an object",
}


@dataclass(frozen=True, kw_only=True)
class FigureSettings(Settings):
    """A figure of the runs of one split.

    Attributes:
        needs: kinds of artifacts that it is drawn from.
        one_seed: whether it shows the first seed alone; the others take every seed.
    """

    needs: ClassVar[tuple[Artifact, ...]] = ()
    one_seed: ClassVar[bool] = False

    draw: str
    """kind of the figure: a name of `FIGURES`, or `module:Class`"""
    split: Name
    """name of the split"""

    @property
    def shown(self) -> tuple[str, ...]:
        """Its datasets."""
        return ()

    def caption(self) -> Caption:
        """Heading, description and the paper's finding."""
        return Caption(YOURS, f"Figure `{self.draw}`", "A figure of this configuration.")


@dataclass(frozen=True, kw_only=True)
class RunFigureSettings(FigureSettings):
    """A figure of one variant on one dataset."""

    dataset: Name
    """dataset that is shown"""
    variant: Name
    """variant that is shown"""

    @property
    def shown(self) -> tuple[str, ...]:
        """The one dataset."""
        return (self.dataset,)


@dataclass(frozen=True, kw_only=True)
class PairFigureSettings(RunFigureSettings):
    """A figure of the negative pairs of one batch; only DETACH weights them."""

    needs: ClassVar[tuple[Artifact, ...]] = ("negative_pairs",)


@dataclass(frozen=True, kw_only=True)
class WeightCdfSettings(PairFigureSettings):
    """Fig. 4: distribution of the weights of easy, hard and false negatives in the course of training."""

    draw: Literal["weight_cdf"] = "weight_cdf"
    pair_groups: PairGroups = "all"
    """all pairs, or the authors' narrower choice"""

    def caption(self) -> Caption:
        """Heading, description and the paper's finding."""
        return Caption(
            WEIGHTS,
            "Weights of easy, hard and false negatives",
            f"Distribution of the weight W (Eq. 11) as Stage 2 goes on, {_PAIRS[self.pair_groups]}. False: the same"
            " object and action; hard: the same object, another action; easy: another object.",
            "In the paper hard and false negatives start together and part, while easy ones stay at 1 (Sec. 4.3).",
        )


@dataclass(frozen=True, kw_only=True)
class ClassSeparationSettings(PairFigureSettings):
    """Fig. 5: the classes whose hard and false negatives differ most and least in weight."""

    draw: Literal["class_separation"] = "class_separation"
    num_classes: Annotated[int, Range(ge=1, le=20)] = 3
    """classes at either end"""

    def caption(self) -> Caption:
        """Heading, description and the paper's finding."""
        return Caption(
            WEIGHTS,
            "Classes whose negatives part most and least",
            f"Weights at the last kept epoch for the {self.num_classes} classes with the largest and the"
            f" {self.num_classes} with the smallest distance between mean hard and mean false weight.",
            "In the paper Close Door 2, Open Drawer 3 and Open Dishwasher part most; Drawers 1 and 2 least (Sec. 4.3).",
        )


@dataclass(frozen=True, kw_only=True)
class PhaseSpaceSettings(PairFigureSettings):
    """Fig. 6: spatial and temporal similarity of one class's pairs."""

    draw: Literal["phase_space"] = "phase_space"
    query_class: Label
    """class at one side of every pair"""
    pair_groups: PairGroups = "all"
    """all pairs, or the authors' narrower choice"""

    def caption(self) -> Caption:
        """Heading, description and the paper's finding."""
        return Caption(
            WEIGHTS,
            f"Pairs with {self.query_class}",
            f"Each point is a pair {_PAIRS[self.pair_groups]}: how alike the place is (Eq. 7) against how alike the"
            " motion is (Eq. 9).",
            "In the paper easy negatives lie left; hard and false ones lie right and part upwards (Sec. 4.3).",
        )


FeatureName = Literal["video", "sensor", "video_spatial", "sensor_spatial", "video_temporal", "sensor_temporal"]
Colour = Literal["class", "place", "sensor"]
_FEATURES = {
    "video": "video",
    "sensor": "sensor",
    "video_spatial": "video, spatial half",
    "sensor_spatial": "sensor, spatial half",
    "video_temporal": "video, temporal half",
    "sensor_temporal": "sensor, temporal half",
}
_COLOURS = {
    "class": ("action", "those of Opportunity++ group by place, and by action inside each place (Sec. 4.3)"),
    "place": ("place", "those of HWU-USP group by place in both modalities (supplement)"),
    "sensor": ("active sensor", "those of HWU-USP group by place in both modalities (supplement)"),
}


@dataclass(frozen=True, kw_only=True)
class FeatureMapSettings(RunFigureSettings):
    """Figs. 7 and 9: t-SNE of features."""

    needs: ClassVar[tuple[Artifact, ...]] = ("windows", "split", "embeddings")
    one_seed: ClassVar[bool] = True

    draw: Literal["feature_map"] = "feature_map"
    features: Annotated[tuple[FeatureName, ...], Range(min_length=1, max_length=4)]
    """features, a panel each"""
    colour: Colour
    """what the colour says"""
    max_windows: Annotated[int, Range(ge=10, le=100_000)] = 2000
    """windows that are shown at most"""
    perplexity: Annotated[float, Range(gt=1, le=1000)] = 15.0
    """of t-SNE: about how many neighbours count"""

    def caption(self) -> Caption:
        """Heading, description and the paper's finding."""
        colour, finding = _COLOURS[self.colour]
        panels = "; ".join(_FEATURES[name] for name in self.features)
        return Caption(
            FEATURES,
            f"Features of {self.dataset} by {colour}",
            f"t-SNE of windows that pretraining has not seen, coloured by {colour}. Panels: {panels}. Near points are"
            " alike; how far apart distant groups lie means nothing.",
            f"In the paper {finding}.",
        )


@dataclass(frozen=True, kw_only=True)
class ActivationMapsSettings(RunFigureSettings):
    """Fig. 8: activation maps of the video networks."""

    needs: ClassVar[tuple[Artifact, ...]] = ("activation_maps",)

    draw: Literal["activation_maps"] = "activation_maps"

    def caption(self) -> Caption:
        """Heading, description and the paper's finding."""
        return Caption(
            FEATURES,
            f"Activation maps of the video networks in {self.dataset}",
            "Frames of a window, the map of a baseline without halves, and DETACH's spatial and temporal maps, with the"
            " pixels that move outlined. Maps are means over channels; our baseline's trunk has no attention to show.",
            "In the paper the spatial map finds the object and the temporal one its motion, where the baseline's"
            " spreads (supplement).",
        )


@dataclass(frozen=True, kw_only=True)
class AssignmentStabilitySettings(FigureSettings):
    """Fig. 10: share of windows that change their pseudo-label in each epoch of Stage 1."""

    needs: ClassVar[tuple[Artifact, ...]] = ("windows", "spatial_history")

    draw: Literal["assignment_stability"] = "assignment_stability"
    datasets: Names
    """datasets, a curve each"""
    spatial: Name
    """Stage 1 that is shown"""

    @property
    def shown(self) -> tuple[str, ...]:
        """All its datasets."""
        return self.datasets

    def caption(self) -> Caption:
        """Heading, description and the paper's finding."""
        return Caption(
            STAGE_1,
            "Pseudo-labels settle in Stage 1",
            "Share of windows that change their cluster in each epoch, a curve for each dataset; the line marks where"
            " the video begins to correct the labels.",
            "In the paper the rate falls, jumps once when refinement begins, and then stays near zero (supplement).",
        )


_KNOWN: dict[PointKind, str] = {
    "labels": "1, 2, ... labelled gestures (or sequences) of each class, the same ones for every row, and all of them",
    "named clusters": "the clusters of the pretraining part, each named by a look at the video of one of its gestures",
    "random looks": "gestures drawn whatever their class, as many as there are clusters",
    "video labels": "the video of 1, 2, ... labelled gestures of each class and of all, applied to the sensors alone",
}


@dataclass(frozen=True, kw_only=True)
class LabelCurveFigureSettings(FigureSettings):
    """Weighted F1 against the number of labels that a classifier knows."""

    needs: ClassVar[tuple[Artifact, ...]] = ("label_curve",)

    draw: Literal["label_curve"] = "label_curve"
    datasets: Names
    """datasets, a panel each"""
    variants: Names
    """variants, a line each"""
    points: Annotated[tuple[PointKind, ...], Range(min_length=1, max_length=4)] = ("labels",)
    """what the classifiers know, a row of panels each"""

    @property
    def shown(self) -> tuple[str, ...]:
        """All its datasets."""
        return self.datasets

    def caption(self) -> Caption:
        """Heading and description; the paper has no such figure."""
        return Caption(
            LABELS,
            "Few labels" if "labels" in self.points else ", ".join(self.points).capitalize(),
            f"Frozen features under classifiers that know {'; '.join(_KNOWN[kind] for kind in self.points)}. Bars are"
            " intervals, the dotted line is chance. The paper has no such figure.",
        )


FIGURES: Registry[AnyDrawing] = Registry(
    "figure",
    {
        "weight_cdf": Plugin("detach_core.reports.figures", "registry:WeightCdfSettings", "negative_pairs:WeightCdf"),
        "class_separation": Plugin(
            "detach_core.reports.figures", "registry:ClassSeparationSettings", "negative_pairs:ClassSeparation"
        ),
        "phase_space": Plugin("detach_core.reports.figures", "registry:PhaseSpaceSettings", "phase_space:PhaseSpace"),
        "feature_map": Plugin("detach_core.reports.figures", "registry:FeatureMapSettings", "feature_map:FeatureMap"),
        "activation_maps": Plugin(
            "detach_core.reports.figures", "registry:ActivationMapsSettings", "activation_maps:ActivationMapsDrawing"
        ),
        "assignment_stability": Plugin(
            "detach_core.reports.figures",
            "registry:AssignmentStabilitySettings",
            "training_curves:AssignmentStability",
        ),
        "label_curve": Plugin(
            "detach_core.reports.figures", "registry:LabelCurveFigureSettings", "label_curve:LabelCurve"
        ),
    },
)


def read_figure(text: str) -> FigureSettings:
    """The settings of a figure that a stage's JSON holds, of its kind's own type.

    Raises:
        LookupError: an unknown kind.
        TypeError: settings that the kind does not know.
    """
    plain = json.loads(text)
    settings: FigureSettings = from_plain(FIGURES.settings(str(plain.get("draw"))), plain)
    return settings
