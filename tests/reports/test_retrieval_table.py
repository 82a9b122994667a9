from dataclasses import replace

import pandas as pd
import pytest

from detach_core.evaluation.retrieval import METRICS
from detach_core.evaluation.retrieval_rows import retrieval_rows
from detach_core.reports.comparisons import RETRIEVAL_HEADS, readable_retrieval, retrieval_caption, retrieval_frame
from tests.evaluation.test_retrieval_rows import part, run

COLUMNS = """dataset split_part variant method direction level neighbours gallery n_queries r1 r1_low r1_high r5 r5_low
r5_high r10 r10_low r10_high median_rank median_rank_low median_rank_high chance_r1 chance_r5 chance_r10
chance_median_rank ceiling_r1 ceiling_r5 ceiling_r10 ceiling_median_rank n_tied form n_splits
n_seeds splits seeds source commit"""


def frame_of(*runs):
    return retrieval_frame(retrieval_rows(runs, 0.95))


def test_every_agreed_column_is_there_in_its_order():
    found = list(frame_of(run()).columns)
    assert [name for name in found if name != "protocol"] == COLUMNS.split()
    assert tuple(RETRIEVAL_HEADS) == METRICS


def test_a_row_says_of_how_many_splits_and_seeds_it_is():
    line = frame_of(*(run(seed=seed, searched=part(f"fold{k}")) for k in (1, 2) for seed in (0, 1, 2))).iloc[0]
    assert (line.n_splits, line.n_seeds, line.splits, line.seeds) == (2, 3, "fold1 fold2", "0 1 2")
    assert (line.direction, line.level, line.neighbours) == ("sensor->video", "window", "kept")


def test_readers_see_figure_interval_and_chance():
    shown = readable_retrieval(frame_of(run(0.5, spread=0.2))).iloc[0]
    assert shown["R@1"] == "0.500 [0.310, 0.690]"
    assert (shown["Chance R@1"], shown["Chance Median rank"]) == ("0.250", "2.5")
    assert (shown["Gallery"], shown["Queries"]) == ("4", "4")


def test_the_caption_says_what_one_must_know():
    caption = retrieval_caption(frame_of(run()), 0.95)
    for words in (
        "simulated data",
        "held_out",
        "splits: default",
        "seeds: 0",
        "95%",
        "abc",
        "worst rank",
        "random order",
    ):
        assert words.lower() in caption.lower()
    assert "means over" not in caption
    several = retrieval_caption(frame_of(run(seed=0), run(seed=1)), 0.95)
    assert "means over seeds" in several
    assert "by gesture or sequence and seeds" in several
    assert "recordings: local" in retrieval_caption(frame_of(replace(run(), source="local")), 0.9)


def test_the_caption_can_stand_in_markdown_and_in_restructured_text():
    assert not set("|*\n<>") & set(retrieval_caption(frame_of(run()), 0.95))


@pytest.mark.parametrize("name", ["r1_low", "chance_r10"])
def test_the_frame_holds_numbers(name):
    assert pd.api.types.is_float_dtype(frame_of(run())[name])


def test_the_caption_says_what_the_best_embedding_could_reach():
    best = {"r1": 0.25, "r5": 0.5, "r10": 0.75, "median_rank": 2.5}
    both = {("window", "kept", "sensor->video"): best, ("window", "kept", "video->sensor"): best | {"r1": 0.125}}
    metrics = dict.fromkeys(both, run().metrics["window", "kept", "sensor->video"])
    caption = retrieval_caption(frame_of(run(num_tied=3, ceilings=both, metrics=metrics)), 0.95)
    assert "3 of 4 searched windows of opportunity (by_recording) have the same sensors as another" in caption
    assert "by sensors 0.250, 0.500, 0.750, 2.5 and by video 0.125, 0.500, 0.750, 2.5" in caption
    assert "no two searched windows of opportunity" in retrieval_caption(frame_of(run()), 0.95)
