from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detach_core.config.load import load_config
from detach_core.config.yaml_file import read_default
from detach_core.reports.captions import LABELS, heading
from detach_core.reports.figures.registry import (
    FIGURES,
    ActivationMapsSettings,
    AssignmentStabilitySettings,
    ClassSeparationSettings,
    FeatureMapSettings,
    FigureSettings,
    PhaseSpaceSettings,
    WeightCdfSettings,
)

ROOT = Path(__file__).resolve().parents[3]


RUN: dict[str, Any] = {"dataset": "hwu_usp", "variant": "detach", "split": "default"}


def test_every_figure_has_a_caption_of_its_own():
    for name in FIGURES:
        assert FIGURES.settings(name).caption is not FigureSettings.caption


def test_a_figure_of_the_user_s_goes_by_its_kind():
    assert FigureSettings(draw="mine:Pie", split="default").caption().title == "Figure `mine:Pie`"


def test_every_figure_of_the_default_run_has_a_heading_of_its_own():
    figures = load_config(read_default(checkout=ROOT)).figures
    captions = {name: figure.caption() for name, figure in figures.items()}
    assert len({heading(name, caption) for name, caption in captions.items()}) == len(figures) > 6
    for caption in captions.values():
        assert caption.section[0] in "3457"
        assert "the paper" in caption.paper or caption.section == LABELS  # which the paper does not have
        assert len(caption.shown) > 40
        assert not set("|*\n<>") & set(caption.text + caption.title)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (WeightCdfSettings(**RUN, pair_groups="all"), "of all pairs"),
        (WeightCdfSettings(**RUN, pair_groups="authors"), "that the authors' scripts choose"),
        (ClassSeparationSettings(**RUN, num_classes=2), "for the 2 classes with the largest and the 2 with"),
        (ActivationMapsSettings(**RUN), "DETACH's spatial and temporal maps"),
        (
            AssignmentStabilitySettings(split="default", datasets=("hwu_usp",), spatial="default"),
            "a curve for each dataset",
        ),
    ],
)
def test_a_caption_says_what_its_settings_chose(settings, words):
    assert words in settings.caption().shown


def test_the_same_drawing_of_other_features_reads_otherwise():
    settings = FeatureMapSettings(**RUN, features=("video_spatial",), colour="place")
    by_place = settings.caption()
    by_class = replace(settings, features=("video",), colour="class").caption()
    assert (by_place.title, by_class.title) == ("Features of hwu_usp by place", "Features of hwu_usp by action")
    assert "Panels: video, spatial half." in by_place.shown
    assert by_place.paper != by_class.paper


def test_the_query_class_is_in_the_title():
    caption = PhaseSpaceSettings(**RUN, query_class="Open Fridge").caption()
    assert caption.title == "Pairs with Open Fridge"
