import csv
from pathlib import Path

import pytest

from studies.permutation_false_alarms import binomial_error, false_alarms, write_rates

ROOT = Path(__file__).resolve().parents[2]
HOMES, LEVEL = 120, 0.05


@pytest.fixture(scope="module")
def rates():
    return {splits: false_alarms(splits, HOMES, seed=1, swaps=199) for splits in (1, 9)}


@pytest.mark.parametrize("splits", [1, 9])
def test_gestures_swapped_in_all_splits_at_once_give_no_more_false_alarms_than_they_may(rates, splits):
    assert abs(rates[splits]["together"] - LEVEL) < 3.0 * binomial_error(LEVEL, HOMES)


def test_gestures_swapped_in_each_split_by_itself_give_too_many(rates):
    assert rates[1]["apart"] == rates[1]["together"]
    assert rates[9]["apart"] > LEVEL + 3.0 * binomial_error(LEVEL, HOMES)


def test_the_written_table_is_that_of_the_study():
    with (ROOT / "docs" / "statistics" / "permutation_false_alarms.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["splits"] for row in rows] == ["1", "4", "9"]
    error = binomial_error(LEVEL, 2000)
    for row in rows:
        assert abs(float(row["together"]) - LEVEL) < 3.0 * error
    assert float(rows[2]["apart"]) > float(rows[1]["apart"]) > LEVEL + 3.0 * error


def test_a_table_is_written_with_its_error_and_its_seed(tmp_path):
    write_rates({2: {"together": 0.05, "apart": 0.1}}, num_homes=100, seed=7, path=tmp_path / "rates.csv")
    assert (tmp_path / "rates.csv").read_text() == "splits,together,apart\n2,0.0500,0.1000\n"
    text = (tmp_path / "rates.md").read_text()
    assert "standard error of a true 0.05: 0.022; seed 7" in text
