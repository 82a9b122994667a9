import numpy as np
import pytest

from detach_core.evaluation.retrieval import METRICS, RECALLS, tasks_of
from detach_core.evaluation.retrieval_rows import RetrievalRun, SearchedPart, retrieval_rows
from detach_core.foundation.errors import ContractError

KEY = ("window", "kept", "sensor->video")


def part(split="default", protocol="by_recording", num_windows=4, dataset="opportunity"):
    zeros = np.zeros(num_windows, int)
    tasks = tasks_of(zeros, zeros, 10.0 * np.arange(num_windows), 2.0)
    return SearchedPart(dataset, split, 0, "held_out", protocol, tuple(tasks))


def run(value=0.5, seed=0, searched=None, variant="detach", spread=0.0, **changes):
    drawn = value + spread * np.linspace(-1, 1, 400)[:, None]
    metrics = np.concatenate([np.full((1, 4), value), np.repeat(drawn, 4, axis=1)])
    fields = {
        "method": variant,
        "source": "simulated",
        "commit": "abc",
        "form": "centred",
        "num_tied": 0,
        "ceilings": {KEY: dict.fromkeys(METRICS, 1.0)},
        "metrics": {KEY: metrics},
    } | changes
    return RetrievalRun(path=f"{variant}{seed}.h5", searched=searched or part(), variant=variant, seed=seed, **fields)


def test_one_run_keeps_its_figures_and_the_percentiles_of_its_resamples_in_the_figure_s_range():
    (row,) = retrieval_rows([run(0.5, spread=0.2)], 0.9)
    for name in RECALLS:
        assert row.metrics[name].value == 0.5
        assert (row.metrics[name].low, row.metrics[name].high) == pytest.approx((0.32, 0.68), abs=1e-3)
    (row,) = retrieval_rows([run(3.0, spread=1.0)], 0.9)
    assert (row.metrics["median_rank"].low, row.metrics["median_rank"].high) == pytest.approx((2.1, 3.9), abs=0.01)
    (row,) = retrieval_rows([run(1.0, spread=1.0)], 0.9)
    assert (row.metrics["median_rank"].low, row.metrics["r1"].high) == (1.0, 1.0)
    assert (row.gallery, row.num_queries, row.splits, row.seeds) == (4, 4, ("default",), (0,))


def test_the_plain_figure_is_no_resample_and_lies_inside_its_interval():
    metrics = np.array([[1.0] * 4, [0.0] * 4])
    (row,) = retrieval_rows([run(metrics={KEY: metrics})], 0.95)
    # One resample that is off is bias alone.
    assert (row.metrics["r1"].value, row.metrics["r1"].low, row.metrics["r1"].high) == (1.0, 1.0, 1.0)


def test_seeds_and_splits_are_averaged_and_drawn():
    folds = [part("fold1", num_windows=4), part("fold2", num_windows=8)]
    values = {("fold1", 0): 0.1, ("fold1", 1): 0.3, ("fold2", 0): 0.7, ("fold2", 1): 0.9}
    (row,) = retrieval_rows([run(values[one.split, seed], seed, one) for seed in (1, 0) for one in folds], 0.95)
    metric = row.metrics["r1"]
    assert metric.value == pytest.approx(0.5)
    # All draws of one split, and there mostly of one seed, are among the resamples.
    assert metric.low < 0.25
    assert metric.high > 0.75
    assert (row.splits, row.seeds) == (("fold1", "fold2"), (0, 1))
    assert row.num_queries == 12
    assert row.gallery == pytest.approx((4 * 4 + 8 * 8) / 12)
    assert row.chance["r1"] == pytest.approx((1 / 4 + 1 / 8) / 2)
    assert row.chance["median_rank"] == pytest.approx((2.5 + 4.5) / 2)


def test_a_second_seed_widens_the_interval_by_what_seeds_differ():
    (alone,) = retrieval_rows([run(0.5)], 0.95)
    (both,) = retrieval_rows([run(0.4, 0), run(0.6, 1)], 0.95)
    assert alone.metrics["r5"].low == alone.metrics["r5"].high == 0.5
    # Two seeds: Student's t with one degree of freedom, cut at 0 and 1.
    assert (both.metrics["r5"].low, both.metrics["r5"].high) == (0.0, 1.0)
    (near,) = retrieval_rows([run(0.49, 0), run(0.51, 1)], 0.95)
    assert (near.metrics["r5"].low, near.metrics["r5"].high) == pytest.approx((0.5 - 0.127, 0.5 + 0.127), abs=1e-3)


def test_methods_stand_under_each_other_and_have_the_same_draws():
    other = ("window", "kept", "video->sensor")
    runs = [run(value, seed, variant=name) for name in ("b", "a") for seed, value in ((0, 0.2), (1, 0.6))]
    runs = [RetrievalRun(**{**vars(one), "metrics": {KEY: one.metrics[KEY], other: one.metrics[KEY]}}) for one in runs]
    rows = retrieval_rows(runs, 0.8)
    assert [(row.key, row.run.variant) for row in rows] == [(KEY, "b"), (KEY, "a"), (other, "b"), (other, "a")]
    assert rows[0].metrics == rows[1].metrics == rows[2].metrics


def test_known_and_unknown_subjects_are_not_averaged():
    rows = retrieval_rows([run(0.9), run(0.1, searched=part("fold1", "by_subject"))], 0.95)
    assert [(row.run.searched.protocol, row.metrics["r1"].value) for row in rows] == [
        ("by_recording", 0.9),
        ("by_subject", 0.1),
    ]


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([run(seed=0), run(seed=0)], "detach0.h5: seeds of detach on split default: found 0 0, expected 0"),
        (
            [run(seed=0), run(seed=1), run(seed=0, searched=part("fold1"))],
            "seeds of detach on split fold1: found 0, expected 0 1",
        ),
    ],
)
def test_a_seed_that_stands_twice_or_lacks_is_refused(runs, words):
    with pytest.raises(ContractError, match=words):
        retrieval_rows(runs, 0.95)


def test_the_ceiling_is_the_mean_over_splits_and_unknown_where_a_run_has_none():
    best = {"r1": 0.5, "r5": 0.75, "r10": 0.75, "median_rank": 2.0}
    runs = [
        run(searched=part("fold1"), num_tied=3, ceilings={KEY: best}),
        run(searched=part("fold2")),
    ]
    (row,) = retrieval_rows(runs, 0.95)
    assert row.ceiling == {"r1": 0.75, "r5": 0.875, "r10": 0.875, "median_rank": 1.5}
    assert row.num_tied == 3
    (without,) = retrieval_rows([run(ceilings={})], 0.95)
    assert all(np.isnan(value) for value in without.ceiling.values())
