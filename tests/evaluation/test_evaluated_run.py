import json
from dataclasses import replace

import numpy as np
import pytest

from detach_core.contracts.embeddings import Embeddings
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import write_windows
from detach_core.evaluation.evaluated_run import check_match, interval_of, null_windows, run_metrics
from detach_core.evaluation.settings import LabelCurveSettings, ProbeSettings
from detach_core.foundation.errors import ContractError
from detach_core.stages.split import split as split_stage
from tests.fixtures.artifacts import make_windows

PLACE = {"dataset": "opportunity", "source": "simulated", "split": "default"}
PROBE = ProbeSettings(c=(10.0, 0.1), bootstrap=77, confidence=0.9)


@pytest.fixture
def run(tmp_path):
    """Windows, their split, and embeddings of both."""
    windows = make_windows(num_recordings=6)
    settings = {"name": "default", "seed": 5, "pretrain": 0.4, "activation_quantile": 0.99, "folds": 4, "fold_draws": 1}
    settings |= {"hold_out": "recordings", "held_out": ["S1-R2", "S2-R3"]}
    write_windows(tmp_path / "windows.h5", windows)
    paths = {"windows_path": tmp_path / "windows.h5", "split_path": tmp_path / "split.json"}
    split_stage(settings=json.dumps(settings), **paths, log_path=tmp_path / "log")
    split = read_split(tmp_path / "split.json")
    features = {"sensor": np.zeros((windows.num_windows, 2), dtype=np.float32)}
    texts = {"method": "detach", "variant": "detach", "probed": "sensor", "video_init": "scratch"}
    embeddings = Embeddings(
        features=features,
        seed=3,
        split="default",
        dataset=windows.dataset,
        source=windows.source,
        provenance=windows.provenance,
        **texts,
    )
    return windows, split, embeddings


def test_embeddings_of_these_windows_and_this_split_are_accepted(run):
    windows, _, embeddings = run
    check_match(embeddings, "embeddings.h5", num_windows=windows.num_windows, **PLACE)


@pytest.mark.parametrize(
    ("changes", "field", "found"),
    [
        ({"dataset": "other"}, "dataset", "other"),
        ({"source": "real"}, "source", "real"),
        ({"split": "fold_1"}, "split", "fold_1"),
        ({"features": {"sensor": np.zeros((2, 2), dtype=np.float32)}}, "sensor", "2 rows"),
    ],
)
def test_embeddings_of_others_are_refused(run, changes, field, found):
    windows, _, embeddings = run
    others = replace(embeddings, **changes)
    with pytest.raises(ContractError, match=f"embeddings.h5: {field}: found {found}, .*run the rule embed again"):
        check_match(others, "embeddings.h5", num_windows=windows.num_windows, **PLACE)


def test_metrics_of_a_probe_name_its_penalties_its_intervals_and_every_candidate(run):
    windows, split, embeddings = run
    metrics = run_metrics(windows, split, [embeddings, embeddings], {}, probe=PROBE)
    assert (metrics.probe, metrics.strengths, metrics.seed) == ("logistic", (0.1, 10.0), 3)
    assert metrics.interval == interval_of(PROBE, split)
    assert (metrics.interval.resamples, metrics.interval.confidence, metrics.interval.seed) == (77, 0.9, 5)
    assert metrics.provenance.stage == "probe"
    assert list(metrics.provenance.inputs) == ["windows", "split", "embeddings", "embeddings+1"]


def test_metrics_of_a_label_curve_name_its_one_penalty(run):
    windows, split, embeddings = run
    metrics = run_metrics(windows, split, [embeddings], {}, probe=PROBE, curve=LabelCurveSettings(c=2.0))
    assert (metrics.strengths, metrics.provenance.stage) == ((2.0,), "label_curve")


@pytest.mark.parametrize(
    ("unit", "label", "found"), [("window", 0, "drop"), ("window", -1, "keep"), ("recording", 0, "keep")]
)
def test_windows_without_a_label_were_dropped_only_where_each_window_has_one(run, unit, label, found):
    windows = run[0]
    labels = np.where(np.arange(windows.num_windows) == 0, label, np.maximum(windows.label, 0)).astype(np.int32)
    assert null_windows(replace(windows, label_unit=unit, label=labels)) == found
