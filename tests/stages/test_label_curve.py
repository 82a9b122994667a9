import dataclasses
import json

import numpy as np
import pandas
import pytest

from detach_core.contracts.embeddings import write_embeddings
from detach_core.contracts.metrics import read_metrics
from detach_core.stages.few_labels import few_labels
from detach_core.stages.label_curve import label_curve
from tests.fixtures.artifacts import make_windows
from tests.stages.test_probe import PROBE, embed, prepare

CURVE = {"counts": [1, 2], "draws": 2, "c": 1.0, "looks": [1], "video_c": 0.1}

KINDS = ("named clusters", "random looks")


def run(folder, embeddings, name="label_curve.json", **changes):
    write_embeddings(folder / "embeddings.h5", embeddings)
    label_curve(
        settings=json.dumps({"device": "cpu", "threads": 1, "probe": PROBE, "curve": CURVE | changes}),
        windows_path=folder / "windows.h5",
        split_path=folder / "split.json",
        embeddings_path=folder / "embeddings.h5",
        curve_path=folder / name,
        log_path=folder / "log",
    )
    return folder / name


def test_the_curve_becomes_a_table_with_a_row_for_each_count(tmp_path):
    windows = make_windows(num_recordings=6)
    prepare(tmp_path, windows)
    path = run(tmp_path, embed(windows))
    metrics = read_metrics(path)
    looks = [f"{protocol}, 3 {kind}" for protocol in ("paper", "by_recording") for kind in KINDS]
    labels = ["by_recording, 1 label", "by_recording, 2 labels", "by_recording, all labels"]
    assert list(metrics.protocols) == labels + looks
    assert metrics.provenance.inputs.keys() == {"windows", "split", "embeddings"}
    few_labels(curve_paths=[path], csv_path=tmp_path / "few_labels.csv", log_path=tmp_path / "table.log")
    text = (tmp_path / "few_labels.md").read_text()
    assert text.startswith("**Few labels.**")
    assert "means over 2 draws of the labelled gestures" in text
    assert text.count("by_recording, 2 labels") == 2


def test_equal_runs_give_equal_files(tmp_path):
    windows = make_windows(num_recordings=6)
    prepare(tmp_path, windows)
    first, second = (read_metrics(run(tmp_path, embed(windows), name)) for name in ("a.json", "b.json"))
    for name, one in first.protocols.items():
        assert one.f1_weighted == second.protocols[name].f1_weighted
        assert (one.predictions[0].probabilities == second.protocols[name].predictions[0].probabilities).all()


def test_embeddings_of_another_split_are_refused(tmp_path):
    windows = make_windows(num_recordings=6)
    prepare(tmp_path, windows)
    with pytest.raises(SystemExit):
        run(tmp_path, embed(windows, split="fold1"))
    assert "split: found fold1, expected default" in (tmp_path / "log").read_text()
    assert not (tmp_path / "label_curve.json").exists()


def test_collapsed_video_is_marked_in_the_rows_that_use_it_alone(tmp_path):
    windows = make_windows(num_recordings=6)
    prepare(tmp_path, windows)
    embeddings = embed(windows)
    video = np.ones_like(embeddings.sensor) + 1e-3 * embeddings.sensor
    path = run(tmp_path, dataclasses.replace(embeddings, features=embeddings.features | {"video": video}))
    few_labels(curve_paths=[path], csv_path=tmp_path / "few_labels.csv", log_path=tmp_path / "table.log")
    table = pandas.read_csv(tmp_path / "few_labels.csv").set_index("protocol")
    of_video = table.index.str.contains("video")
    assert of_video.sum() == 3
    assert (table["collapse"][of_video] == "mean cosine of the shared space's video features 1.000").all()
    assert table["collapse"][~of_video].isna().all()


def test_video_of_another_width_is_refused(tmp_path):
    windows = make_windows(num_recordings=6)
    prepare(tmp_path, windows)
    embeddings = embed(windows)
    with pytest.raises(SystemExit):
        run(
            tmp_path,
            dataclasses.replace(embeddings, features=embeddings.features | {"video": embeddings.sensor[:, :3]}),
        )
    assert "video: found 3 columns, expected 5 columns, as sensor has" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(("unit", "looks", "expected"), [("window", 99, 297), ("recording", 5, 15)])
def test_more_clusters_than_pretraining_units_are_refused(tmp_path, unit, looks, expected):
    windows = make_windows(unit, num_recordings=24, num_subjects=4)
    if unit == "window":
        windows = make_windows(unit, num_recordings=6)
        prepare(tmp_path, windows)
    else:
        prepare(tmp_path, windows, "subjects", ["S4"], folds=2)
    with pytest.raises(SystemExit):
        run(tmp_path, embed(windows), looks=[1, looks])
    (line,) = [one for one in (tmp_path / "log").read_text().splitlines() if "ERROR" in one]
    assert "split.json: parts/pretrain: found" in line
    assert f"expected at least {expected} {unit}s, for as many clusters; lower `looks` under `label_curve`" in line
