import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from detach_core.contracts.embeddings import Assignments, Embeddings, write_assignments, write_embeddings
from detach_core.contracts.metrics import write_metrics
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.recording import Annotation, Places, Recording, write_recordings
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import read_windows
from detach_core.evaluation.evaluate import evaluate_protocols
from detach_core.reports.timeline.page import has_pictures
from detach_core.stages.timeline import timeline
from tests.fixtures.artifacts import make_metrics

NAME = "S5-Drill"
PROVENANCE = make_provenance(stage="test", source="simulated", settings={})


@pytest.fixture(scope="module")
def run(home, tmp_path_factory):
    """A folder with all that a timeline of the toy home needs."""
    folder = tmp_path_factory.mktemp("timeline") / "home"
    shutil.copytree(home, folder)
    windows, split = read_windows(folder / "windows.h5"), read_split(folder / "split.json")
    features = np.asarray(windows.sensor).reshape(windows.num_windows, -1)[:, ::7].astype(np.float32)
    run = Embeddings(
        {"sensor": features},
        "statistics",
        "statistics",
        split.name,
        0,
        "sensor",
        windows.dataset,
        windows.source,
        "scratch",
        PROVENANCE,
    )
    write_embeddings(folder / "embeddings.h5", run)
    made = make_metrics(class_names=windows.class_names, dataset=windows.dataset, variant="statistics")
    evaluation = evaluate_protocols(
        windows, split, [features], kind="logistic", strengths=[1.0], class_weights="fit", num_inner_folds=2,
        interval=made.interval, device=__import__("torch").device("cpu"),
    )  # fmt: skip
    write_metrics(folder / "metrics.json", replace(made, protocols=evaluation.results))
    cluster = np.zeros((2, len(split.pretrain)), np.int32)
    confident = np.ones(cluster.shape, bool)
    made_clusters = Assignments(split.pretrain, cluster, confident, ("start", "warmup"), 4, PROVENANCE)
    write_assignments(folder / "assignments.h5", made_clusters)
    recordings = [
        Recording(
            recording_id=name,
            subject=name[:2],
            sensor=np.random.default_rng(k).normal(size=(1440, 8)).astype(np.float32),
            time_s=np.arange(1440) / 30.0,
            sensor_hz=30.0,
            channel_names=windows.channel_names,
            channel_units=windows.channel_units,
            annotations=(Annotation(0.0, 2.0, 3),),
            video_path=None,
            video_hz=5.0,
        )
        for k, name in enumerate(windows.recording_names)
    ]
    places = Places(("Place 0",), (-1,) * len(windows.class_names), ((0,),))
    write_recordings(
        folder / "sensor.h5", recordings, dataset=windows.dataset, class_names=windows.class_names,
        class_actions=("",) * len(windows.class_names), places=places, provenance=PROVENANCE,
    )  # fmt: skip
    return folder


def make(run, out, **changes):
    files = {
        "windows_path": "windows.h5",
        "split_path": "split.json",
        "embeddings_path": "embeddings.h5",
        "sensor_path": "sensor.h5",
        "frames_path": "frames.h5",
        "flow_path": "flow.h5",
        "metrics_path": "metrics.json",
        "assignments_path": "assignments.h5",
    }
    paths = {name: run / file for name, file in files.items()}
    arguments = {"recording": NAME, **paths, **changes}
    timeline(**arguments, page_path=out / "timeline.html", log_path=out / "timeline.log")
    text = (out / "timeline.html").read_text(encoding="utf-8")
    return text, json.loads(re.search(r'id="content">(.*?)</script>', text, re.DOTALL)[1])


def test_a_page_shows_the_recordings_windows_predictions_and_video(run, tmp_path):
    text, content = make(run, tmp_path)
    assert has_pictures(text)
    assert len(content["windows"]) == 24
    assert min(one["predicted"] for one in content["windows"]) >= 0  # the recording is held out
    assert {one["protocol"] for one in content["windows"]} == {"by_recording"}
    assert [lane["title"] for lane in content["lanes"]] == ["True label", "Predicted", "Clusters", "Part"]
    assert content["lanes"][0]["events"] == [[0.0, 2.0, 3, None]]
    assert len(content["traces"]) == 8
    assert all(len(one["similar"]) == 8 for one in content["windows"])
    assert "knew no label of their recording" in text


def test_a_recording_of_the_pretraining_part_has_stage_1_and_no_prediction(run, tmp_path):
    _, content = make(run, tmp_path, recording="S0-Drill")
    assert {one["predicted"] for one in content["windows"]} == {-1}
    assert content["lanes"][1]["events"] == []
    assert [lane["title"] for lane in content["lanes"]] == ["True label", "Predicted", "Clusters", "Stage 1", "Part"]


def test_a_recording_without_video_metrics_and_stage_1_has_a_page(run, tmp_path):
    none = dict.fromkeys(["frames_path", "flow_path", "metrics_path", "assignments_path"])
    text, content = make(run, tmp_path, **none)
    assert not has_pictures(text)
    assert {one["predicted"] for one in content["windows"]} == {-1}


def refused(run, tmp_path, **changes):
    with pytest.raises(SystemExit):
        make(run, tmp_path, **changes)
    assert not (tmp_path / "timeline.html").exists()
    return (tmp_path / "timeline.log").read_text()


def test_an_unknown_recording_is_refused_by_name(run, tmp_path):
    assert "S9-Drill: found S0-Drill, S1-Drill" in refused(run, tmp_path, recording="S9-Drill")


@pytest.mark.parametrize(("field", "value"), [("variant", "detach"), ("seed", 1), ("split", "other"), ("dataset", "x")])
def test_predictions_of_another_run_are_refused(run, tmp_path, field, value):
    from detach_core.contracts.metrics import read_metrics

    path = tmp_path / "metrics.json"
    write_metrics(path, replace(read_metrics(run / "metrics.json"), **{field: value}))
    assert f"{path}: {field}: found {value}, expected" in refused(run, tmp_path, metrics_path=path)
