from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

from detach_core.contracts.embeddings import Embeddings
from detach_core.contracts.lists import ClassRow, EmbeddingRow, MetricsRow, PredictionRow
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import Split
from detach_core.foundation.errors import ContractError
from detach_core.reports.run_lists import class_frame, embeddings_frame, metrics_frame, predictions_frame
from detach_core.signals.normalization import fit


def names_of(row):
    return [field.name for field in fields(row)]


def embeddings(windows, *, rows=None, **changes):
    return Embeddings(
        **{
            "features": {"sensor": np.zeros((rows or windows.num_windows, 2), np.float32)},
            **dict.fromkeys(("method", "variant"), "detach"),
            "split": "default",
            "seed": 0,
            "probed": "x",
            "dataset": windows.dataset,
            "source": "simulated",
            "video_init": "scratch",
            "provenance": make_provenance(stage="embed", source="simulated", settings={}),
            **changes,
        }
    )


def halves(windows):
    """A split that leaves the last window out."""
    ids = np.arange(windows.num_windows - 1)
    parts = {"pretrain": ids[::2], "downstream": ids[1::2], "held_out": ids[:0]}
    provenance = make_provenance(stage="split", source="simulated", settings={})
    return Split(windows.dataset, "default", 0, parts, fit(windows.sensor, quantile=0.99), {}, (), provenance)


def test_each_prediction_has_its_window_and_the_names_of_its_classes(make_metrics, make_windows):
    windows, run = make_windows(), make_metrics(seed=3)
    frame = predictions_frame([run], {"opportunity": windows})
    assert sorted(frame) == sorted(names_of(PredictionRow))
    result = run.protocols["by_recording"].predictions[0]
    lines = frame[frame["protocol"] == "by_recording"]
    assert len(frame) == 2 * len(lines) == 2 * len(result.unit)
    for name in ("unit", "instance", "label", "predicted"):
        assert lines[name].tolist() == getattr(result, name).tolist()
    np.testing.assert_array_equal(np.stack(lines["probabilities"].tolist()), result.probabilities)
    assert lines["class_name"].tolist() == [run.class_names[label] for label in result.label]
    assert lines["predicted_name"].tolist() == [run.class_names[label] for label in result.predicted]
    assert lines["start_s"].tolist() == windows.start_s[result.unit].tolist()
    assert lines["recording"].tolist() == [windows.recording_names[k] for k in windows.recording[result.unit]]
    assert set(frame["seed"]) == {3}


def test_where_recordings_have_labels_a_unit_is_a_recording_and_has_no_time(make_metrics, make_windows):
    windows = make_windows("recording", num_recordings=60)
    run = make_metrics(dataset="hwu_usp", label_unit="recording")
    frame = predictions_frame([run], {"hwu_usp": windows})
    assert frame["start_s"].isna().all()
    assert frame["recording"].tolist() == [windows.recording_names[unit] for unit in frame["unit"]]


def test_draws_of_folds_are_numbered(make_metrics, make_windows):
    run = make_metrics(protocols=("paper",))
    (predictions,) = run.protocols["paper"].predictions
    other = replace(predictions, predicted=(predictions.predicted + 1) % 3)
    twice = replace(run, protocols={"paper": replace(run.protocols["paper"], predictions=(predictions, other))})
    frame = predictions_frame([twice], {"opportunity": make_windows()})
    assert frame["draw"].value_counts().to_dict() == {0: 60, 1: 60}
    assert frame.loc[frame["draw"] == 1, "predicted"].tolist() == other.predicted.tolist()


def test_metrics_by_protocol_and_by_class_are_those_of_the_file(make_metrics):
    runs = [make_metrics(seed=seed) for seed in (0, 1)]
    frame, classes = metrics_frame(runs), class_frame(runs)
    assert list(frame) == names_of(MetricsRow)
    assert list(zip(frame["seed"], frame["protocol"], strict=True)) == [
        (seed, protocol) for seed in (0, 1) for protocol in ("paper", "by_recording")
    ]
    for line in frame.to_dict("records"):
        result = runs[line["seed"]].protocols[line["protocol"]]
        for name in ("f1_weighted", "f1_weighted_low", "map_high", "chance_map", "n_test", "n_units"):
            assert line[name] == getattr(result, name)
    assert sorted(classes) == sorted(names_of(ClassRow))
    assert len(classes) == 2 * 2 * 3
    for line in classes.to_dict("records"):
        own = runs[line["seed"]].protocols[line["protocol"]].per_class[line["class_name"]]
        assert (line["f1"], line["average_precision"], line["support"]) == (own.f1, own.average_precision, own.support)
        assert runs[0].class_names[line["label"]] == line["class_name"]


def test_every_row_of_a_file_of_embeddings_has_its_window_its_part_and_its_class(make_windows):
    windows = make_windows()
    label = windows.label.copy()
    label[:2] = -1
    windows = replace(windows, label=label)
    split = halves(windows)
    found = [("results/a.h5", embeddings(windows)), ("results/b.h5", embeddings(windows, seed=1))]
    frame = embeddings_frame(found, {"opportunity": windows}, {("opportunity", "default"): split})
    assert sorted(frame) == sorted(names_of(EmbeddingRow))
    assert frame["path"].value_counts().to_dict() == dict.fromkeys(("results/a.h5", "results/b.h5"), len(label))
    first = frame[frame["path"] == "results/a.h5"]
    assert first["row"].tolist() == list(range(len(label)))
    assert first["label"].isna().sum() == first["class_name"].isna().sum() == 2
    assert first["label"].tolist()[2:] == label[2:].tolist()
    assert first["class_name"].tolist()[2:] == [windows.class_names[one] for one in label[2:]]
    assert first["part"].tolist()[:2] == ["pretrain", "downstream"]
    assert pd.isna(first["part"].iloc[-1])
    assert first["subject"].tolist() == [windows.subject_names[k] for k in windows.subject]


def test_a_file_of_other_windows_is_refused(make_windows):
    windows = make_windows()
    found = [("a.h5", embeddings(windows, rows=3))]
    with pytest.raises(ContractError, match=r"a\.h5: sensor: found 3, expected 144 rows"):
        embeddings_frame(found, {"opportunity": windows}, {("opportunity", "default"): halves(windows)})
