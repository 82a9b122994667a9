import dataclasses
import json

import numpy as np
import pandas
import pytest

from detach_core.contracts.embeddings import write_embeddings
from detach_core.contracts.metrics import read_metrics, write_metrics
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


def gather(folder, paths, *, references=("detach",)):
    """The table and the differences of the curves at `paths`."""
    runs = [read_metrics(path) for path in paths]
    rows = list(dict.fromkeys(run.variant for run in runs))
    table = {"rows": rows, "parts": [[runs[0].dataset, runs[0].split]]}
    settings = {"references": [one for one in references if one in rows] or rows[:1], "tables": {"few_labels": table}}
    few_labels(
        settings=json.dumps({**settings, "swaps": 10_000, "confidence": 0.95, "keys": []}),
        curve_paths=paths,
        csv_path=folder / "few_labels.csv",
        significance_csv_path=folder / "few_labels_significance.csv",
        log_path=folder / "table.log",
    )
    return [pandas.read_csv(folder / f"{name}.csv") for name in ("few_labels", "few_labels_significance")]


def test_the_curve_becomes_a_table_with_a_row_for_each_count(tmp_path):
    windows = make_windows(num_recordings=6)
    prepare(tmp_path, windows)
    path = run(tmp_path, embed(windows))
    metrics = read_metrics(path)
    looks = [f"{protocol}, 3 {kind}" for protocol in ("paper", "by_recording") for kind in KINDS]
    labels = ["by_recording, 1 label", "by_recording, 2 labels", "by_recording, all labels"]
    assert list(metrics.protocols) == labels + looks
    assert metrics.provenance.inputs.keys() == {"windows", "split", "embeddings"}
    write_metrics(tmp_path / "other.json", dataclasses.replace(metrics, variant="statistics"))
    gather(tmp_path, [path, tmp_path / "other.json"])
    text = (tmp_path / "few_labels.md").read_text()
    assert text.startswith("**Few labels.**")
    assert "means over 2 draws of the labelled gestures" in text
    assert text.count("by_recording, 2 labels") == 3


def test_rows_are_compared_with_the_references_at_the_points_that_all_have(tmp_path):
    windows = make_windows(num_recordings=6)
    prepare(tmp_path, windows)
    metrics = read_metrics(run(tmp_path, embed(windows)))
    others = {"statistics": metrics, "comodo": _wrong_everywhere(metrics)}
    for name, one in others.items():
        write_metrics(tmp_path / f"{name}.json", dataclasses.replace(one, variant=name))
    paths = [tmp_path / f"{name}.json" for name in ("label_curve", *others)]
    _, frame = gather(tmp_path, paths)
    facts = pandas.read_parquet(tmp_path / "few_labels_significance.parquet").attrs
    assert facts["protocols"][:2] == ["by_recording, 1 label", "by_recording, 2 labels"]
    assert "protocols: by_recording, 1 label; by_recording, 2 labels; " in (
        tmp_path / "few_labels_significance.md"
    ).read_text().replace("\\", "")
    assert (frame["reference"] == metrics.variant).all()
    assert set(frame["variant"]) == set(others)
    points = list(dict.fromkeys(frame["protocol"]))
    assert points == [
        "by_recording, 1 label",
        "by_recording, 2 labels",
        "by_recording, all labels",
        "paper, 3 named clusters",
        "by_recording, 3 named clusters",
    ]
    equal = frame[frame["variant"] == "statistics"]
    assert (equal[["f1_difference", "low", "high"]] == 0.0).all(axis=None)
    assert (equal["p"] == 1.0).all()
    wrong = frame[frame["variant"] == "comodo"].set_index("protocol")["f1_difference"]
    for point in points:
        assert wrong[point] == pytest.approx(metrics.protocols[point].f1_weighted)
    _, frame = gather(tmp_path, paths, references=("comodo",))
    assert (frame["reference"] == "comodo").all()
    assert frame[frame["variant"] == "statistics"]["f1_difference"].max() < 0.0


def _wrong_everywhere(metrics):
    """The metrics with the class after the right one predicted for each unit."""
    count = len(metrics.class_names)

    def wrong(one):
        return dataclasses.replace(one, predicted=(one.label + 1) % count)

    protocols = {
        name: dataclasses.replace(one, predictions=tuple(map(wrong, one.predictions)))
        for name, one in metrics.protocols.items()
    }
    return dataclasses.replace(metrics, protocols=protocols)


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
    write_metrics(tmp_path / "other.json", dataclasses.replace(read_metrics(path), variant="statistics"))
    table, _ = gather(tmp_path, [path, tmp_path / "other.json"])
    table = table[table["variant"] != "statistics"].set_index("protocol")
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


def test_a_single_row_has_nothing_to_be_compared_with(tmp_path):
    windows = make_windows(num_recordings=6)
    prepare(tmp_path, windows)
    table, differences = gather(tmp_path, [run(tmp_path, embed(windows))])
    assert len(table)
    assert differences.empty
    assert "no row to compare" in (tmp_path / "few_labels_significance.md").read_text()
