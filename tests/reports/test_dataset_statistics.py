import numpy as np
import pytest

from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import Overlap, Split
from detach_core.evaluation.dataset_statistics import dataset_statistics
from detach_core.reports.results_table import (
    readable_statistics,
    statistics_caption,
    statistics_frame,
)
from detach_core.signals.normalization import fit


def split_of(windows):
    third = windows.num_windows // 3
    parts = {
        "pretrain": np.arange(third),
        "downstream": np.arange(third, 2 * third),
        "held_out": np.arange(2 * third, windows.num_windows),
    }
    overlap = (Overlap("pretrain", "downstream", 12.0, 3), Overlap("paper/fold0/train", "paper/fold0/test", 1.0, 1))
    provenance = make_provenance(stage="split", source="simulated", settings={})
    return Split(windows.dataset, "default", 0, parts, fit(windows.sensor, quantile=0.99), {}, overlap, provenance)


def test_statistics_are_counted_from_the_windows(make_windows):
    windows = make_windows()
    statistics = dataset_statistics(windows, split_of(windows))
    assert statistics["sensor_types"] == {"logic switch": 1, "accelerometer": 1, "logic motion sensor": 1}
    assert statistics["windows"] == 144
    assert statistics["instances"] == 48
    assert statistics["recordings"] == 4
    assert statistics["subjects"] == 2
    # Three windows of two seconds, a second apart, cover four seconds.
    assert statistics["seconds"] == pytest.approx(48 * 4.0)
    assert statistics["held_out_windows"] == 48
    assert statistics["pretrain_and_downstream_share"] == "12 s, 3 instances"
    assert not any("fold" in attribute for attribute in statistics)


def test_only_classes_that_have_a_window_are_counted(make_windows):
    windows = make_windows(class_names=("Class 0", "Class 1", "Class 2", "Never"))
    statistics = dataset_statistics(windows, split_of(windows))
    assert statistics["classes"] == 3
    assert "Never" not in statistics["class_names"]


def test_the_papers_values_stand_beside_ours(make_windows):
    pairs = [(windows, split_of(windows)) for windows in (make_windows(), make_windows("recording"))]
    frame = statistics_frame(pairs)
    lines = frame.set_index(["dataset", "attribute"])
    assert lines.loc[("opportunity", "windows"), "value"] == "144"
    assert lines.loc[("opportunity", "windows"), "paper"] == "5324"
    assert lines.loc[("hwu_usp", "sensor_types"), "paper"] == "4 x logic switch, 2 x logic motion sensor"
    shown = readable_statistics(frame)
    assert list(shown.columns) == ["Attribute", "opportunity", "opportunity, paper", "hwu_usp", "hwu_usp, paper"]
    assert "Simulated data" in statistics_caption(frame)
