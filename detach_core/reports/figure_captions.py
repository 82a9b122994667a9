"""What each figure shows, and what the paper says of it, from what it draws and its settings.

A figure that a user adds in the config has its caption too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from detach_core.reports.captions import FEATURES, STAGE_1, WEIGHTS, Caption

Settings = Mapping[str, Any]

_PAIRS = {
    "all": "of all pairs of the batch that have labels",
    "authors": "of the pairs that the authors' scripts choose: easy ones of the same action, and one action an object",
}


def _weight_cdf(settings: Settings) -> Caption:
    return Caption(
        WEIGHTS,
        "Weights of easy, hard and false negatives",
        f"Distribution of the weight W (Eq. 11) as Stage 2 goes on, {_PAIRS[settings['pair_groups']]}. False: the same"
        " object and action; hard: the same object, another action; easy: another object.",
        "In the paper hard and false negatives start together and part, while easy ones stay at 1 (Sec. 4.3).",
    )


def _class_separation(settings: Settings) -> Caption:
    return Caption(
        WEIGHTS,
        "Classes whose negatives part most and least",
        f"Weights at the last kept epoch for the {settings['num_classes']} classes with the largest and the"
        f" {settings['num_classes']} with the smallest distance between mean hard and mean false weight.",
        "In the paper Close Door 2, Open Drawer 3 and Open Dishwasher part most; Drawers 1 and 2 least (Sec. 4.3).",
    )


def _phase_space(settings: Settings) -> Caption:
    return Caption(
        WEIGHTS,
        f"Pairs with {settings['query_class']}",
        f"Each point is a pair {_PAIRS[settings['pair_groups']]}: how alike the place is (Eq. 7) against how alike the"
        " motion is (Eq. 9).",
        "In the paper easy negatives lie left; hard and false ones lie right and part upwards (Sec. 4.3).",
    )


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


def _feature_map(settings: Settings) -> Caption:
    colour, finding = _COLOURS[settings["colour"]]
    panels = "; ".join(_FEATURES[name] for name in settings["features"])
    return Caption(
        FEATURES,
        f"Features of {settings['dataset']} by {colour}",
        f"t-SNE of windows that pretraining has not seen, coloured by {colour}. Panels: {panels}. Near points are"
        " alike; how far apart distant groups lie means nothing.",
        f"In the paper {finding}.",
    )


def _activation_maps(settings: Settings) -> Caption:
    return Caption(
        FEATURES,
        f"Where the networks answer in {settings['dataset']}",
        "Frames of a window, the map of a global rival, and DETACH's spatial and temporal maps, with the pixels that"
        " move outlined. Maps are means over channels; our rival's trunk has no attention to show.",
        "In the paper the spatial map finds the object and the temporal one its motion, where the rival's spreads"
        " (supplement).",
    )


def _assignment_stability(settings: Settings) -> Caption:
    del settings
    return Caption(
        STAGE_1,
        "Pseudo-labels settle in Stage 1",
        "Share of windows that change their cluster in each epoch, a curve for each dataset; the line marks where the"
        " video begins to correct the labels.",
        "In the paper the rate falls, jumps once when refinement begins, and then stays near zero (supplement).",
    )


FIGURES: dict[str, Callable[[Settings], Caption]] = {
    "weight_cdf": _weight_cdf,
    "class_separation": _class_separation,
    "phase_space": _phase_space,
    "feature_map": _feature_map,
    "activation_maps": _activation_maps,
    "assignment_stability": _assignment_stability,
}


def figure_caption(settings: Settings) -> Caption:
    """The caption of a figure with these settings."""
    return FIGURES[settings["draw"]](settings)
