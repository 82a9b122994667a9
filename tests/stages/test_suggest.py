import csv
import shutil
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from detach_core.commands.main import program
from detach_core.contracts.classifier import read_classifier
from detach_core.contracts.embeddings import Embeddings, write_embeddings
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.windows import read_windows, write_windows
from detach_core.evaluation.probes import Probe
from detach_core.foundation.errors import BadInputError
from detach_core.reports.timeline.page import has_pictures, without_pictures
from detach_core.stages.suggest import COLUMNS, fit_labels, labels_of_windows, read_inputs, suggest

PROVENANCE = make_provenance(stage="embed", source="simulated", settings={}, seed=0, inputs={"checkpoint": "c1"})


@pytest.fixture(scope="module")
def results(home, tmp_path_factory):
    """Results of one run of the toy home, in the workflow's folders."""
    dataset = tmp_path_factory.mktemp("results") / "toy"
    run = dataset / "default" / "statistics" / "seed0"
    run.mkdir(parents=True)
    for name in ("windows.h5", "frames.h5", "flow.h5"):
        shutil.copy(home / name, dataset / name)
    shutil.copy(home / "split.json", dataset / "default" / "split.json")
    windows = read_windows(dataset / "windows.h5")
    features = np.concatenate([np.abs(windows.sensor).max(axis=2), windows.sensor[:, :, -1]], axis=1)
    texts = ("statistics", "statistics", "default", 0, "sensor", windows.dataset, windows.source, "scratch")
    write_embeddings(run / "embeddings.h5", Embeddings({"sensor": features.astype(np.float32)}, *texts, PROVENANCE))
    return dataset


def inputs_of(results):
    run = results / "default" / "statistics" / "seed0"
    return read_inputs(results / "windows.h5", results / "default" / "split.json", run / "embeddings.h5")


def make(results, out, **changes):
    run = results / "default" / "statistics" / "seed0"
    arguments = {
        "num_windows": 12,
        "windows_path": results / "windows.h5",
        "split_path": results / "default" / "split.json",
        "embeddings_path": run / "embeddings.h5",
        "classifier_path": None,
    } | changes
    suggest(**arguments, csv_path=out / "s.csv", page_path=out / "s.html", log_path=out / "s.log")
    with (out / "s.csv").open() as file:
        return list(csv.DictReader(file)), (out / "s.html").read_text()


def filled(results, out, path=None):
    """The suggested table with the true labels in it."""
    rows, _ = make(results, out)
    windows = read_windows(results / "windows.h5")
    for row in rows:
        recording = windows.recording_names.index(row["recording"])
        at = (windows.recording == recording) & np.isclose(windows.start_s, float(row["start"]))
        row["label"] = windows.class_names[int(windows.label[at][0])]
    path = path or out / "filled.csv"
    write(path, rows)
    return path


def write(path, rows, columns=COLUMNS):
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(rows)


def test_the_table_has_an_empty_label_and_the_page_a_thumbnail_for_each_window(results, tmp_path):
    rows, page = make(results, tmp_path)
    assert len(rows) == 12
    assert {row["label"] for row in rows} == {""}
    assert {row["recording"] for row in rows} <= {"S0-Drill", "S1-Drill", "S2-Drill"}  # those of the pretraining part
    assert len({(row["recording"], row["start"]) for row in rows}) == 12
    assert all(float(row["end"]) - float(row["start"]) == 2.0 for row in rows)
    assert page.count('<img src="data:image/jpeg;base64,') == 12
    assert page.count("<polyline") == 36
    assert not has_pictures(without_pictures(page))
    assert without_pictures(page).count("<img") == 0


def test_windows_without_a_label_are_the_candidates_where_there_are_any(results, tmp_path):
    windows = read_windows(results / "windows.h5")
    label = windows.label.copy()
    label[:-10] = 0
    label[-10:] = -1
    for name in ("frames.h5", "flow.h5"):
        shutil.copy(results / name, tmp_path / name)
    write_windows(tmp_path / "windows.h5", replace(windows, label=label))
    rows, _ = make(results, tmp_path, windows_path=tmp_path / "windows.h5")
    assert {row["recording"] for row in rows} == {"S5-Drill"}
    assert len(rows) == 10


def test_without_frames_the_page_has_traces_alone(results, tmp_path):
    shutil.copy(results / "windows.h5", tmp_path / "windows.h5")
    _, page = make(results, tmp_path, windows_path=tmp_path / "windows.h5")
    assert "<img" not in page
    assert page.count("<polyline") == 36


def test_the_current_probe_decides_what_is_uncertain(results, tmp_path):
    fit_labels(filled(results, tmp_path), inputs_of(results), tmp_path / "classifier.safetensors")
    again, _ = make(results, tmp_path / "again", classifier_path=tmp_path / "classifier.safetensors")
    assert sum("uncertain" in row["why"] for row in again) >= 6
    assert sum("cluster" in row["why"] for row in again) >= 1


def test_a_probe_of_another_checkpoint_is_refused(results, tmp_path):
    path = tmp_path / "classifier.safetensors"
    inputs = inputs_of(results)
    other = replace(inputs.run, provenance=replace(PROVENANCE, inputs={"checkpoint": "c2"}))
    fit_labels(filled(results, tmp_path), replace(inputs, run=other), path)
    with pytest.raises(SystemExit):
        make(results, tmp_path, classifier_path=path)
    assert "found a classifier on features of c2, expected one of c1" in (tmp_path / "s.log").read_text()


def test_a_table_with_labels_is_not_written_over(results, tmp_path):
    filled(results, tmp_path, tmp_path / "s.csv")
    before = (tmp_path / "s.csv").read_bytes()
    with pytest.raises(SystemExit):
        make(results, tmp_path)
    assert (tmp_path / "s.csv").read_bytes() == before
    assert "found labels in it" in (tmp_path / "s.log").read_text()


def test_a_fit_recognises_windows_that_nobody_labelled(results, tmp_path):
    inputs = inputs_of(results)
    made = fit_labels(filled(results, tmp_path), inputs, tmp_path / "classifier.safetensors")
    read = read_classifier(tmp_path / "classifier.safetensors")
    assert (read.protocol, read.class_names) == ("own labels", made.class_names)
    assert read.provenance.inputs["checkpoint"] == "c1"
    assert read.class_places == [name.partition(" ")[2] for name in read.class_names]
    probe = Probe(**read.tensors, c=read.c, candidate=0, inner_loss=())
    windows, tested = inputs.windows, inputs.split.held_out
    found = probe.probabilities(inputs.run.sensor[tested].astype(np.float64)).argmax(axis=1)
    names = [windows.class_names[k] for k in windows.label[tested]]
    right = np.mean([read.class_names[k] == name for k, name in zip(found, names, strict=True)])
    assert right > 3 / len(windows.class_names)


ROW = {"recording": "S0-Drill", "start": "0", "end": "2", "label": "Open Place 0", "why": ""}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label": "Open Window"}, "line 2: found label Open Window, expected one of Close Place 0"),
        ({"label": "=cmd()"}, "line 2: found"),
        ({"recording": "S9"}, "line 2: found recording S9, expected one of S0-Drill"),
        ({"start": "two"}, "line 2: found two to 2, expected a start and a later end"),
        ({"end": "0"}, "line 2: found 0 to 0"),
        ({"end": "nan"}, "line 2: found 0 to nan"),
        ({"start": "900", "end": "902"}, "none of the dataset's windows in 900 to 902 s"),
        ({"label": "  "}, "label: found 0 different labels in 0 windows, expected at least two"),
        ({}, "label: found 1 different labels in 1 windows"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_in_one_sentence(results, tmp_path, changes, words):
    write(tmp_path / "filled.csv", [ROW | changes])
    with pytest.raises(BadInputError) as refused:
        fit_labels(tmp_path / "filled.csv", inputs_of(results), tmp_path / "classifier.safetensors")
    assert words in str(refused.value)
    assert not (tmp_path / "classifier.safetensors").exists()


def test_two_labels_for_one_window_are_refused_and_one_twice_is_not(results, tmp_path):
    path, windows = tmp_path / "filled.csv", inputs_of(results).windows
    write(path, [ROW, ROW | {"end": "4"}])
    assert labels_of_windows(path, windows) == {0: "Open Place 0", 1: "Open Place 0"}
    write(path, [ROW, ROW | {"label": "Open Place 1"}])
    with pytest.raises(BadInputError, match="Open Place 1 and Open Place 0 for the window at 0 s"):
        labels_of_windows(path, windows)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "found none called recording, start, end, label"),
        (b"recording,start,end\n", "found none called label"),
        (b"recording,start,end,label\na,b\n", "line 2: found another number of values"),
        (b"recording,start,end,label\na,b,c,d,e\n", "line 2: found another number of values"),
        (b"\xff\xfe\x00", "invalid start byte"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(results, tmp_path, text, words):
    (tmp_path / "filled.csv").write_bytes(text)
    with pytest.raises(BadInputError) as refused:
        labels_of_windows(tmp_path / "filled.csv", inputs_of(results).windows)
    assert words in str(refused.value)


def test_a_table_that_is_missing_is_refused(results, tmp_path):
    with pytest.raises(BadInputError, match="found nothing, expected CSV"):
        labels_of_windows(tmp_path / "no.csv", inputs_of(results).windows)


def test_the_command_suggests_and_fits(results, tmp_path):
    run = results / "default" / "statistics" / "seed0"
    table = tmp_path / "table.csv"
    done = CliRunner().invoke(program(), ["suggest", str(run), "--count", "12", "--out", str(table)])
    assert done.exit_code == 0, done.output
    assert table.with_suffix(".html").is_file()
    path = filled(results, tmp_path)
    done = CliRunner().invoke(program(), ["suggest", str(run), "--fit", str(path)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "classifier.safetensors").is_file()
    assert "Open Place" in done.output
