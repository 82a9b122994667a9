import json
from dataclasses import replace

import numpy as np
import pytest

from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.recognizer import (
    Activity,
    Calibration,
    Channel,
    Description,
    Measures,
    Smoothing,
    Threshold,
    read_description,
    whole_folder,
    write_description,
)
from detach_core.foundation.errors import ContractError


def make_description(**changes):
    threshold = Threshold(0.6, 0.9, 0.9, "gesture", 72, 180, True, 0.91, 0.8)
    measures = Measures(0.8, 0.8, 0.9, 0.85, 0.8, 0.7)
    description = Description(
        dataset="home",
        variant="best",
        split="default",
        feature="sensor",
        target="class",
        rate_hz=30.0,
        window_s=2.0,
        stride_s=1.0,
        length=60,
        max_nan_share=0.5,
        resampling="nearest",
        channels=(Channel("wrist x", "milli g"), Channel("door", "")),
        classes=(Activity("Open Door", "Door", "Open"), Activity("Tür zu", "", "")),
        weights=("sensor.weight",),
        calibration=Calibration(1.2, 60, 0.7, 0.6),
        thresholds={"window": threshold, "smoothed": replace(threshold, probability=0.7)},
        smoothing=Smoothing(np.array([0.4, 0.6]), np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0.5, 0.5])),
        measures={"window": measures, "smoothed": measures},
        provenance=make_provenance(stage="recognizer", source="simulated", settings={}, seed=1, inputs={"split": "s0"}),
    )
    return replace(description, **changes)


def plain(description):
    smoothing = {name: values.tolist() for name, values in vars(description.smoothing).items()}
    return {**vars(description), "smoothing": smoothing}


def test_what_is_written_is_read(tmp_path):
    write_description(tmp_path, make_description())
    assert plain(read_description(tmp_path)) == plain(make_description())
    document = json.loads((tmp_path / "recognizer.json").read_text())
    assert document["schema"] == "detach.recognizer/1"
    assert document["version"] == document["provenance"]["version"]
    assert document["channels"][0] == {"name": "wrist x", "unit": "milli g"}
    assert document["thresholds"]["window"]["coverage"] == 0.9


@pytest.mark.parametrize("name", sorted(set(vars(make_description())) - {"provenance"}))
def test_each_missing_field_is_named(tmp_path, name):
    write_description(tmp_path, make_description())
    path = tmp_path / "recognizer.json"
    document = json.loads(path.read_text())
    del document[name]
    path.write_text(json.dumps(document))
    with pytest.raises(ContractError, match="run the rule recognizer again") as caught:
        read_description(tmp_path)
    assert caught.value.field.split("/")[0] == name


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("schema", "detach.recognizer/2", "expected detach.recognizer/1"),
        ("rate_hz", 0.0, "above 0"),
        ("length", -1, "above 0"),
        ("stride_s", "1", "type float"),
        ("resampling", "linear", "nearest or previous"),
        ("channels", [], "channels and classes"),
        ("channels", [{"name": "a", "unit": ""}] * 2, "each once"),
        ("channels", [{"name": "a", "unit": "=1"}], "as of a formula"),
        ("classes/0/name", "a\nb", "invisible"),
        ("classes/0/name", "", "names, each once"),
        ("thresholds/window/probability", 1.5, "within 0..1"),
        ("thresholds/window/coverage", -0.1, "within 0..1"),
        ("calibration/temperature", None, "type float"),
        ("smoothing/start", [0.5, 0.6], "sum 1"),
        ("smoothing/transition", [[0.5, 0.5]], "2 rows"),
        ("smoothing/transition", [[0.5, 0.5], [2.0, -1.0]], "sum 1"),
        ("smoothing/transition", [[0.5, 0.5], [1.0]], "2 finite numbers"),
        ("smoothing/prior", [1.0, 0.0], "priors above 0"),
    ],
)
def test_a_value_that_is_none_is_named(tmp_path, place, value, said):
    write_description(tmp_path, make_description())
    path = tmp_path / "recognizer.json"
    document = json.loads(path.read_text())
    *inside, last = place.split("/")
    node = document
    for key in inside:
        node = node[int(key)] if isinstance(node, list) else node[key]
    node[last] = value
    path.write_text(json.dumps(document))
    with pytest.raises(ContractError) as caught:
        read_description(tmp_path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_folder_is_one_sentence(tmp_path):
    with pytest.raises(ContractError, match="run the rule recognizer"):
        read_description(tmp_path / "nowhere")


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a" / "recognizer"
    with pytest.raises(FileNotFoundError), whole_folder(path) as partial:
        (partial / "one" / "inner").write_text("1")
    assert list((tmp_path / "a").iterdir()) == []
    for text in ("1", "2"):
        with whole_folder(path) as partial:
            (partial / text).write_text(text)
            assert not (path / text).exists()
        assert [file.name for file in path.iterdir()] == [text]
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["recognizer"]


def test_a_failure_leaves_the_earlier_folder(tmp_path):
    with whole_folder(tmp_path / "r") as partial:
        (partial / "old").write_text("")
    with pytest.raises(FileNotFoundError), whole_folder(tmp_path / "r") as partial:
        (partial / "inner" / "new").write_text("")
    assert [file.name for file in (tmp_path / "r").iterdir()] == ["old"]
