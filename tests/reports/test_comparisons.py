import dataclasses
from typing import Any

import pytest

from detach_core.evaluation.claim_evidence import Line
from detach_core.evaluation.claims import MEASURES
from detach_core.evaluation.intervals import Estimate
from detach_core.evaluation.settings import Claim, ExceedsSettings
from detach_core.reports.comparisons import COLUMNS, claims_caption, claims_frame, readable_claims


@dataclasses.dataclass
class Home:
    source: str = "simulated"


class Evidence:
    def __init__(self):
        self.windows = {"opportunity": Home(), "hwu_usp": Home()}
        self.seeds = (0, 1)


evidence: Any = Evidence()


def settings(table, datasets):
    return ExceedsSettings(
        measure="exceeds", table=table, datasets=datasets, threshold=0.0, variant="detach", over=("primus",)
    )


@pytest.fixture
def frame(monkeypatch):
    def measure(claim, dataset, artifacts):
        if dataset == "hwu_usp":
            yield Line(None, compared="k-means", note="no window's place is known")
            return
        yield Line(Estimate(0.2, 0.1, 0.3), "paper", "primus", 40, ("default", "fold1"))
        yield Line(Estimate(0.05, -0.1, 0.2), "by_subject", "primus", 12, ("fold1",))

    monkeypatch.setitem(MEASURES, "exceeds", measure)
    claim = Claim(settings("table1", ("opportunity", "hwu_usp")), (("opportunity", "default"), ("hwu_usp", "default")))
    return claims_frame({"detach_exceeds_baselines": claim}, evidence, ["abc"])


def test_the_six_columns_come_first_and_the_interval_decides(frame):
    assert tuple(frame.columns[:6]) == COLUMNS
    assert frame["verdict"].tolist() == ["holds", "undecided", "left out"]
    assert frame["splits"].tolist() == ["default fold1", "fold1", ""]


def test_readers_see_why_a_claim_was_left_out(frame):
    shown = readable_claims(frame)
    assert shown["Value"].tolist() == [
        "+0.200 [+0.100, +0.300]",
        "+0.050 [-0.100, +0.200]",
        "no window's place is known",
    ]
    assert shown["Claim"][0] == "detach exceeds baselines"


def test_the_caption_says_what_was_resampled(frame):
    caption = claims_caption(frame, 0.95)
    for words in ("Simulated data", "95%", "splits: default, fold1", "seeds: 0, 1", "commit: abc"):
        assert words in caption


def test_a_dataset_that_the_table_leaves_out_is_said(frame):
    claim = Claim(settings("table5", ("hwu_usp",)), (("opportunity", "default"),))
    assert claims_frame({"x": claim}, evidence, ["abc"])["note"].tolist() == ["table5 does not include this dataset"]
