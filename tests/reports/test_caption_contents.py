"""Every caption of a measured table or figure says what its data are, under which protocol, of which seeds and code."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import Split
from detach_core.evaluation.intervals import aggregate
from detach_core.evaluation.retrieval import METRICS as RETRIEVAL_METRICS
from detach_core.evaluation.retrieval_rows import retrieval_rows
from detach_core.evaluation.settings import Claim, ComparedTable, ExceedsSettings
from detach_core.reports.comparisons import (
    claims_caption,
    claims_frame,
    retrieval_caption,
    retrieval_frame,
    significance_caption,
    significance_frame,
)
from detach_core.reports.figures.drawing import Artifact, Artifacts, provenance_line
from detach_core.reports.results_table import results_caption, results_frame, statistics_caption, statistics_frame
from detach_core.signals.normalization import fit
from tests.evaluation.test_retrieval_rows import run
from tests.fixtures.evidence import Made as MADE

HERE = Path(__file__).parent
CLAIM = ExceedsSettings(
    measure="exceeds", table="table1", datasets=("opportunity",), threshold=0.0, variant="detach", over=("primus",)
)


def results(source):
    runs = [MADE.make_metrics(source=source, seed=seed) for seed in (3, 4)]
    return results_caption(results_frame("table1", aggregate(runs)), 0.95)


def claims(source):
    made = MADE()
    windows = dataclasses.replace(made.windows, source=source)
    found = {("metrics", name): [MADE.make_metrics(seed=seed) for seed in (3, 4)] for name in ("detach", "primus")}
    claim = Claim(CLAIM, (("opportunity", "default"),))
    artifacts = made.artifacts(found, seeds=(3, 4), windows=windows)
    return claims_caption(claims_frame({"detach_exceeds": claim}, artifacts, ["0123456789ab"]), 0.95)


def significance(source):
    rows = ("detach", "primus")
    runs = {
        ("opportunity", "default", row): [MADE.make_metrics(source=source, seed=seed) for seed in (3, 4)]
        for row in rows
    }
    tables = {"table1": ComparedTable(rows, (("opportunity", "default"),))}
    return significance_caption(significance_frame(tables, ("detach",), runs, swaps=10_000), 0.95)


def retrieval(source):
    runs = [run(seed=seed, source=source, commit="0123456789ab") for seed in (3, 4)]
    assert set(RETRIEVAL_METRICS) <= set(retrieval_frame(retrieval_rows(runs, 0.95)))
    return retrieval_caption(retrieval_frame(retrieval_rows(runs, 0.95)), 0.95)


def statistics(source):
    windows = dataclasses.replace(MADE().windows, source=source)
    third = np.array_split(np.arange(windows.num_windows), 3)
    parts = dict(zip(("pretrain", "downstream", "held_out"), third, strict=True))
    provenance = make_provenance(stage="split", source=source, settings={})
    norm = fit(windows.sensor, quantile=0.99)
    split = Split(windows.dataset, "default", 0, parts, norm, {}, (), provenance)
    return statistics_caption(statistics_frame([(windows, split)]))


def figure(source):
    """The foot of every figure, which `stages/figure.py` adds to its caption."""
    made = [MADE().embeddings(tells_places=True) for _ in (3, 4)]
    runs = [
        dataclasses.replace(one, provenance=make_provenance(stage="embed", source=source, settings={}, seed=seed))
        for one, seed in zip(made, (3, 4), strict=True)
    ]
    found = Artifacts({"embeddings": [Artifact(Path("embeddings.h5"), one) for one in runs]})
    return provenance_line(found, "held-out part", split="default")


@pytest.mark.parametrize(("source", "words"), [("simulated", "simulated data"), ("local", "recordings: local")])
@pytest.mark.parametrize("caption", [results, claims, significance, retrieval, figure])
def test_a_caption_says_data_protocol_split_seeds_and_commit(caption, source, words):
    text = caption(source)
    assert words in text.lower()
    assert re.search(r"protocols?: \S*(paper|by_recording)" if caption is not figure else "held-out part", text)
    assert re.search(r"splits?:? default", text)
    assert re.search(r"seeds:? 3,? 4", text)
    assert re.search(r"commit:? [0-9a-f]{12}|commit:? unknown", text)


@pytest.mark.parametrize(("source", "words"), [("simulated", "Simulated data"), ("local", "Recordings: local")])
def test_a_table_of_the_data_says_why_it_has_neither_protocol_nor_seed(source, words):
    text = statistics(source)
    assert text.startswith(words)
    assert "before any training, so under no protocol and with no seed; split: default; commit: " in text
