from pathlib import Path

import pytest

from detach_core.config.load import load_config
from detach_core.config.yaml_file import read_default
from detach_core.reports.captions import heading
from detach_core.reports.figure_captions import FIGURES, figure_caption
from detach_core.reports.figures import FIGURES as DRAWINGS

ROOT = Path(__file__).resolve().parents[2]


def test_every_drawing_has_a_caption_and_no_other():
    assert set(FIGURES) == set(DRAWINGS)


def test_every_figure_of_the_default_run_has_a_heading_of_its_own():
    figures = load_config(read_default(checkout=ROOT)).document.figures
    captions = {name: figure_caption(figure.model_dump()) for name, figure in figures.items()}
    assert len({heading(name, caption) for name, caption in captions.items()}) == len(figures) > 6
    for caption in captions.values():
        assert caption.section[0] in "345"
        assert "the paper" in caption.paper
        assert len(caption.shown) > 40
        assert not set("|*\n<>") & set(caption.text + caption.title)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"draw": "weight_cdf", "pair_groups": "all"}, "of all pairs"),
        ({"draw": "weight_cdf", "pair_groups": "authors"}, "that the authors' scripts choose"),
        ({"draw": "class_separation", "num_classes": 2}, "for the 2 classes with the largest and the 2 with"),
        ({"draw": "activation_maps", "dataset": "hwu_usp"}, "DETACH's spatial and temporal maps"),
        ({"draw": "assignment_stability"}, "a curve for each dataset"),
    ],
)
def test_a_caption_says_what_its_settings_chose(settings, words):
    assert words in figure_caption(settings).shown


def test_the_same_drawing_of_other_features_reads_otherwise():
    settings = {"draw": "feature_map", "dataset": "hwu_usp", "features": ["video_spatial"], "colour": "place"}
    by_place = figure_caption(settings)
    by_class = figure_caption({**settings, "features": ["video"], "colour": "class"})
    assert (by_place.title, by_class.title) == ("Features of hwu_usp by place", "Features of hwu_usp by action")
    assert "Panels: video, spatial half." in by_place.shown
    assert by_place.paper != by_class.paper


def test_the_query_class_is_in_the_title():
    caption = figure_caption({"draw": "phase_space", "query_class": "Open Fridge", "pair_groups": "all"})
    assert caption.title == "Pairs with Open Fridge"
