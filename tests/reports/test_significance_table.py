import pytest

from detach_core.evaluation.settings import ComparedTable
from detach_core.reports.comparisons import readable_significance, significance_caption, significance_frame


@pytest.fixture
def frame(make_metrics):
    runs = {
        ("opportunity", split, variant): [make_metrics(split=split, variant=variant, seed=seed + shift)]
        for split in ("default", "fold1")
        for shift, variant in enumerate(("detach", "primus"))
        for seed in (0,)
    }
    # Only the first split has the second protocol.
    short = make_metrics(protocols=("paper",), split="fold1")
    runs["opportunity", "fold1", "detach"] = [short]
    parts = (("opportunity", "default"), ("opportunity", "fold1"))
    return significance_frame({"table1": ComparedTable(("detach", "primus"), parts)}, ("detach",), runs, swaps=10_000)


def test_a_protocol_takes_the_splits_that_have_it(frame):
    assert dict(zip(frame["protocol"], frame["splits"], strict=True)) == {
        "paper": "default fold1",
        "by_recording": "default",
    }
    assert dict(zip(frame["protocol"], frame["n_units"], strict=True)) == {"paper": 20, "by_recording": 20}


def test_readers_see_the_difference_with_its_interval(frame):
    shown = readable_significance(frame)
    assert shown["Row"].tolist() == ["primus", "primus"]
    assert "[" in shown["Difference in F1"][0]


def test_the_caption_names_reference_and_test(frame):
    caption = significance_caption(frame, 0.95)
    for words in (
        "F1 of detach minus",
        "in all splits and seeds at once",
        "smallest possible p: 0.0001",
        "Holm",
    ):
        assert words in caption
