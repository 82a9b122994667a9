import copy
import dataclasses
import json

import numpy as np
import pytest

from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.split import (
    ChannelStatistics,
    Fold,
    Normalisation,
    Overlap,
    Split,
    read_split,
    write_split,
)
from detach_core.foundation.errors import ContractError


def ids(*values):
    return np.array(values, dtype=np.int64)


def make_split():
    statistics = ChannelStatistics(np.array([0.5, 1.5]), np.array([1.0, 0.0]))
    return Split(
        dataset="opportunity",
        name="default",
        seed=3,
        parts={"pretrain": ids(0, 1, 2), "downstream": ids(3, 4, 5), "held_out": ids(6)},
        normalisation=Normalisation(
            np.array([1.0, 2.0]), np.array([0.1, 0.0]), {"centred": statistics, "z": statistics}
        ),
        protocols={
            "paper": (Fold(ids(3), ids(4), ids(5)), Fold(ids(4), ids(3), ids(5), 1)),
            "by_recording": (Fold(ids(3, 4, 5), ids(), ids(6)),),
        },
        overlap=(Overlap("pretrain", "downstream", 2.0, 1),),
        provenance=make_provenance(stage="split", source="simulated", settings={"folds": 2}, seed=3),
        fold_draws=2,
    )


@pytest.fixture
def path(tmp_path):
    write_split(tmp_path / "split.json", make_split())
    return tmp_path / "split.json"


def as_lists(value):
    if isinstance(value, np.ndarray):
        return [str(value.dtype), value.tolist()]
    if dataclasses.is_dataclass(value):
        return {field.name: as_lists(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: as_lists(one) for key, one in value.items()}
    return [as_lists(one) for one in value] if isinstance(value, tuple) else value


def test_what_is_written_is_read(path):
    assert as_lists(read_split(path)) == as_lists(make_split())
    assert read_split(path).held_out.tolist() == [6]
    assert read_split(path).pretrain.tolist() == [0, 1, 2]
    assert read_split(path).downstream.dtype == np.int64


@pytest.mark.parametrize(
    "place",
    [
        ("dataset",),
        ("split",),
        ("seed",),
        ("fold_draws",),
        ("protocols", "paper", "folds", 1, "draw"),
        ("parts", "held_out"),
        ("normalisation", "mean"),
        ("normalisation", "activation", "z", "std"),
        ("protocols",),
        ("protocols", "paper", "folds", 0, "val"),
        ("overlap",),
        ("overlap", 0, "shared_s"),
        ("provenance",),
        ("provenance", "commit"),
    ],
)
@pytest.mark.parametrize("change", ["removed", "retyped", "not a number"])
def test_a_missing_or_wrong_field_is_refused_by_name(path, place, change):
    document = json.loads(path.read_text())
    node = document
    for key in place[:-1]:
        node = node[key]
    if change == "removed":
        del node[place[-1]]
    else:
        node[place[-1]] = float("nan") if change == "not a number" else True
    path.write_text(json.dumps(document))
    if place == ("provenance", "commit") and change != "removed":
        return
    with pytest.raises(ContractError, match=str(place[0])):
        read_split(path)


def refused(path, change, match):
    document = copy.deepcopy(json.loads(path.read_text()))
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(ContractError, match=match):
        read_split(path)


def test_another_version_is_refused(path):
    refused(path, lambda d: d.update(schema="detach.split/9"), r"found 'detach.split/9'.*run the rule split again")


def test_a_window_in_two_parts_is_refused(path):
    refused(path, lambda d: d["parts"]["held_out"].append(4), "parts/downstream: found window 4 in held_out as well")


def test_a_fold_that_tests_what_it_trained_on_is_refused(path):
    refused(path, lambda d: d["protocols"]["paper"]["folds"][0]["test"].append(3), "protocols/paper/folds/0")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda d: d.update(fold_draws=0), "fold_draws: found 0, expected at least 1"),
        (
            lambda d: d.update(fold_draws=3),
            r"protocols/paper/folds: found draws \[0, 1\], expected draw 0 alone or 0 to 2",
        ),
        (lambda d: d["protocols"]["paper"]["folds"][1].update(draw=2), "protocols/paper/folds: found draws"),
        (lambda d: d["protocols"]["paper"]["folds"][1].update(draw=-1), "protocols/paper/folds: found draws"),
        (lambda d: d["protocols"]["paper"]["folds"].clear(), "protocols/paper/folds: found draws"),
        (lambda d: d["protocols"]["paper"]["folds"][1].update(test=[9]), "the same windows tested in every draw"),
        (lambda d: d["protocols"]["by_recording"]["folds"][0].update(test=[6, 6]), "each once"),
    ],
)
def test_draws_of_folds_that_do_not_fit_are_refused(path, change, match):
    refused(path, change, match)


def test_a_negative_deviation_and_another_number_of_channels_are_refused(path):
    refused(path, lambda d: d["normalisation"]["std"].__setitem__(0, -1.0), "normalisation/std")


def test_another_number_of_channels_is_refused(path):
    refused(path, lambda d: d["normalisation"]["std"].append(1.0), "2 finite numbers")
