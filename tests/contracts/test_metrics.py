import dataclasses
import json

import numpy as np
import pytest

from detach_core.contracts.metrics import StartResult, read_metrics, write_metrics
from detach_core.foundation.errors import ContractError


@pytest.fixture
def path(tmp_path, make_metrics):
    write_metrics(tmp_path / "metrics.json", make_metrics())
    return tmp_path / "metrics.json"


def test_what_is_written_is_read(path, make_metrics):
    metrics, read = make_metrics(), read_metrics(path)
    assert (read.dataset, read.variant, read.seed, read.interval) == ("opportunity", "detach", 0, metrics.interval)
    assert read.class_names == metrics.class_names
    assert read.provenance == metrics.provenance
    one, again = metrics.protocols["paper"], read.protocols["paper"]
    assert again.per_class == one.per_class
    assert (again.f1_weighted, again.map_low, again.n_units, again.choices) == (
        one.f1_weighted,
        one.map_low,
        one.n_units,
        one.choices,
    )
    assert (read.candidates, read.strengths) == (metrics.candidates, metrics.strengths) == (({},), (0.1, 1.0))
    assert again.confusion.tolist() == one.confusion.tolist()
    for name in ("unit", "instance", "label", "predicted"):
        assert getattr(again.predictions[0], name).tolist() == getattr(one.predictions[0], name).tolist()
    assert (again.chance_f1_weighted, again.chance_map) == (one.chance_f1_weighted, one.chance_map)


def test_probabilities_keep_six_digits(path, make_metrics):
    exact = make_metrics().protocols["paper"].predictions[0].probabilities
    read = read_metrics(path).protocols["paper"].predictions[0].probabilities
    assert (read == np.round(exact, 6)).all()
    assert (read != exact).any()


def test_a_class_with_a_slash_in_its_name_is_read(tmp_path, make_metrics):
    names = ("Drink/eat", "b", "c")
    write_metrics(tmp_path / "metrics.json", make_metrics(class_names=names))
    assert tuple(read_metrics(tmp_path / "metrics.json").protocols["paper"].per_class) == names


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["schema"], "detach.metrics/2"),
        (["probed"], None),
        (["seed"], 0.5),
        (["candidates"], [1]),
        (["strengths"], ["0.1"]),
        (["protocols", "paper", "choices", 0, "candidate"], 1),
        (["interval", "confidence"], float("nan")),
        (["protocols", "paper", "map"], 1.2),
        (["protocols", "paper", "f1_weighted_low"], float("nan")),
        (["protocols", "paper", "f1_weighted_low"], 1.0),
        (["protocols", "paper", "f1_weighted_high"], 0.0),
        (["protocols", "paper", "map_low"], 1.0),
        (["protocols", "paper", "map_high"], 0.0),
        (["protocols", "paper", "map"], 0.0),
        (["protocols", "paper", "chance_map"], -0.1),
        (["protocols", "paper", "predictions"], []),
        (["protocols", "paper", "confusion", 0], [1]),
        (["protocols", "paper", "per_class"], {"a": {"f1": 1.0}}),
        (["protocols", "paper", "predictions", 0, 0, "label"], 3),
        (["protocols", "paper", "predictions", 0, 0, "probabilities"], [0.5, 0.5]),
        (["provenance"], {}),
    ],
)
def test_a_wrong_value_is_refused_by_its_place(path, place, value):
    document = json.loads(path.read_text())
    node = document
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    path.write_text(json.dumps(document))
    with pytest.raises(ContractError, match=f"metrics.json.*{place[0]}.*run the rule probe again"):
        read_metrics(path)


def with_start(metrics, **changes):
    """The metrics with an untrained control that is right where the trained features are wrong."""
    protocols = {}
    for name, one in metrics.protocols.items():
        own = one.predictions[0]
        turned = dataclasses.replace(own, predicted=(own.predicted + 1) % 3)
        protocols[name] = dataclasses.replace(one, choices=(), start=StartResult(0.25, 0.5, (turned,)))
    return dataclasses.replace(metrics, protocols=protocols, **changes)


def test_the_own_start_and_what_collapsed_are_read(tmp_path, make_metrics):
    words = "mean cosine of the sensor features 0.991"
    metrics = with_start(make_metrics(candidates=({}, {"optimizer": {"lr": 1e-3}}), collapse=("", words)))
    write_metrics(tmp_path / "metrics.json", metrics)
    read = read_metrics(tmp_path / "metrics.json")
    assert read.collapse == ("", words)
    start, expected = (one.protocols["paper"].start for one in (read, metrics))
    assert (start.f1_weighted, start.map) == (0.25, 0.5)
    assert start.predictions[0].predicted.tolist() == expected.predictions[0].predicted.tolist()


def test_what_collapsed_under_one_protocol_is_read(tmp_path, make_metrics):
    metrics, words = make_metrics(), "mean cosine of the shared space's video features 0.990"
    protocols = metrics.protocols | {"paper": dataclasses.replace(metrics.protocols["paper"], collapse=words)}
    write_metrics(tmp_path / "metrics.json", dataclasses.replace(metrics, protocols=protocols))
    read = read_metrics(tmp_path / "metrics.json").protocols
    assert [read[name].collapse for name in ("paper", "by_recording")] == [words, ""]


def exchange(start, name):
    """Another unit, instance or label in place of a prediction's own."""
    row = start["predictions"][0][0]
    row[name] = (row[name] + 1) % 3 if name == "label" else row[name] + 1000


def test_what_is_not_trained_has_no_start(path):
    assert read_metrics(path).protocols["paper"].start is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda paper, document: paper.pop("collapse"), "protocols/paper/collapse"),
        (lambda paper, document: paper.update(collapse=["alike"]), "protocols/paper/collapse"),
        (lambda paper, document: paper.pop("start"), "protocols/paper/start"),
        (lambda paper, document: paper["start"].update(f1_weighted=1.5), "protocols/paper/start/f1_weighted"),
        (lambda paper, document: paper["start"].pop("map"), "protocols/paper/start/map"),
        (lambda paper, document: paper["start"]["predictions"][0].pop(), "protocols/paper/start/predictions"),
        *(
            (lambda paper, document, name=name: exchange(paper["start"], name), "protocols/paper/start/predictions")
            for name in ("unit", "instance", "label")
        ),
        (
            lambda paper, document: paper["start"]["predictions"].append(paper["start"]["predictions"][0]),
            "protocols/paper/start/predictions",
        ),
        (lambda paper, document: document.update(collapse=[]), "collapse: found 0, expected a text for each of 1"),
        (lambda paper, document: document.update(collapse=[3]), "collapse/0"),
        (lambda paper, document: document.update(collapse=["=1"]), "collapse/0"),
    ],
)
def test_a_wrong_start_or_collapse_is_refused_by_its_place(tmp_path, make_metrics, change, said):
    file = tmp_path / "metrics.json"
    write_metrics(file, with_start(make_metrics()))
    document = json.loads(file.read_text())
    change(document["protocols"]["paper"], document)
    file.write_text(json.dumps(document))
    with pytest.raises(ContractError, match=f"metrics.json.*{said}.*run the rule probe again"):
        read_metrics(file)
