from detach_core.evaluation.dataset_statistics import (
    PublishedMetrics,
    paper_values,
    published_metrics,
    published_statistics,
)


def test_cells_that_the_text_of_the_paper_repeats():
    assert published_metrics("table1", "detach", "opportunity") == PublishedMetrics(0.73, 0.83)
    assert published_metrics("table1", "cav_mae", "hwu_usp") == PublishedMetrics(0.70, 0.55)
    assert published_metrics("table6", "detach-transformer", "opportunity") == PublishedMetrics(0.71, 0.85)


def test_the_relative_gains_of_the_text_follow_from_the_cells():
    for dataset, f1, precision in (("opportunity", 30.4, 43.1), ("hwu_usp", 1.4, 21.8)):
        ours, theirs = (published_metrics("table1", row, dataset) for row in ("detach", "cav_mae"))
        assert round(100 * (ours.f1_weighted / theirs.f1_weighted - 1), 1) == f1
        assert round(100 * (ours.map / theirs.map - 1), 1) == precision


def test_the_full_method_has_the_same_cell_in_every_table():
    for table, rows in paper_values()["tables"].items():
        assert rows["detach"] == paper_values()["tables"]["table1"]["detach"], table


def test_what_the_paper_does_not_have_is_none():
    assert published_metrics("table1", "statistics", "opportunity") is None
    assert published_metrics("table1", "detach", "my_home") is None
    assert published_metrics("table9", "detach", "opportunity") is None
    assert published_statistics("my_home") == {}


def test_the_later_version_is_not_mixed_in():
    later = paper_values()["later_version"]["table1"]["detach"]["opportunity"]["map"]
    assert later != published_metrics("table1", "detach", "opportunity").map


def test_statistics_hold_rates_and_counts():
    statistics = published_statistics("opportunity")
    assert (statistics["windows"], statistics["sensor_hz"], statistics["classes"]) == (5324, 30, 14)
    assert len(statistics["class_names"]) == 14
    assert sum(published_statistics("hwu_usp")["sensor_types"].values()) == 6
