import dataclasses

import numpy as np
import pytest

from detach_core.evaluation.intervals import aggregate


def test_one_seed_keeps_its_own_interval_and_has_no_deviation(make_metrics):
    run = make_metrics()
    row = aggregate([run])[0]
    result = run.protocols["paper"]
    assert (row.f1_weighted.mean, row.f1_weighted.low, row.f1_weighted.high) == (
        result.f1_weighted,
        result.f1_weighted_low,
        result.f1_weighted_high,
    )
    assert row.map.sd is None
    assert row.seeds == (0,)


def test_seeds_become_mean_and_deviation_and_the_interval_holds_the_mean(make_metrics):
    runs = [make_metrics(seed=seed) for seed in (2, 0, 1)]
    row = aggregate(runs)[0]
    values = [run.protocols["paper"].f1_weighted for run in runs]
    assert row.seeds == (0, 1, 2)
    assert row.f1_weighted.mean == pytest.approx(np.mean(values))
    assert row.f1_weighted.sd == pytest.approx(np.std(values, ddof=1))
    assert row.f1_weighted.low < row.f1_weighted.mean < row.f1_weighted.high
    assert row.map.low < row.map.mean < row.map.high


def test_seeds_that_agree_in_everything_leave_the_interval_of_one_seed(make_metrics):
    one = make_metrics()
    row = aggregate([one, dataclasses.replace(one, seed=1)])[0]
    result = one.protocols["paper"]
    # Student's interval around the mean, where one run has the percentiles of its resamples.
    assert row.f1_weighted.low == pytest.approx(result.f1_weighted_low, abs=0.03)
    assert row.f1_weighted.high == pytest.approx(result.f1_weighted_high, abs=0.03)
    assert row.f1_weighted.sd == 0.0


def test_a_row_for_each_dataset_variant_and_protocol_in_order_of_coming(make_metrics):
    runs = [make_metrics(dataset=d, variant=v) for d in ("hwu_usp", "opportunity") for v in ("statistics", "detach")]
    rows = [(row.run.dataset, row.run.variant, row.protocol) for row in aggregate(runs)]
    assert rows == [
        (d, v, p)
        for d in ("hwu_usp", "opportunity")
        for v in ("statistics", "detach")
        for p in ("paper", "by_recording")
    ]


def test_the_same_runs_give_the_same_interval(make_metrics):
    runs = [make_metrics(seed=seed) for seed in range(3)]
    assert aggregate(runs)[0].map == aggregate(runs[::-1])[0].map


def test_two_runs_of_a_seed_and_other_units_are_refused(make_metrics):
    run = make_metrics()
    with pytest.raises(ValueError, match="two runs of split default have one seed"):
        aggregate([run, run])
    other = make_metrics(seed=1)
    result = other.protocols["paper"]
    (first,) = result.predictions
    predictions = (dataclasses.replace(first, unit=first.unit + 1),)
    moved = dataclasses.replace(other, protocols={"paper": dataclasses.replace(result, predictions=predictions)})
    with pytest.raises(ValueError, match="different units"):
        aggregate([run, moved])


def test_splits_are_repeats_and_a_protocol_takes_those_that_have_it(make_metrics):
    runs = [make_metrics(split=split, seed=seed) for split in ("default", "fold1") for seed in (0, 1)]
    runs += [make_metrics(split="fold2", seed=seed, protocols=("paper", "by_subject")) for seed in (0, 1)]
    rows = {row.protocol: row for row in aggregate(runs)}
    assert rows["paper"].splits == ("default", "fold1", "fold2")
    assert rows["by_recording"].splits == ("default", "fold1")
    assert rows["by_subject"].splits == ("fold2",)
    assert rows["paper"].n_test == 3 * rows["by_subject"].n_test
    assert rows["paper"].n_units == 60
    values = [run.protocols["paper"].f1_weighted for run in runs]
    assert rows["paper"].f1_weighted.mean == pytest.approx(np.mean(values))
    assert rows["paper"].f1_weighted.sd == pytest.approx(np.std(values, ddof=1))


def test_splits_with_other_seeds_are_refused(make_metrics):
    with pytest.raises(ValueError, match="different seeds"):
        aggregate([make_metrics(), make_metrics(split="fold1", seed=1)])
