from pathlib import Path

import numpy as np
import pytest

from detach_core.foundation.errors import ContractError, UserError
from detach_core.reports.figures.drawing import Artifact, Artifacts
from detach_core.reports.figures.negative_pairs import batch_note, epoch_title, epochs_of, pair_table
from tests.fixtures.pairs import make_pairs


def artifacts(*pairs):
    found = [Artifact(Path(f"results/seed{k}/negative_pairs.h5"), one) for k, one in enumerate(pairs)]
    return Artifacts({"negative_pairs": found})


def test_every_pair_with_known_places_stands_once_in_each_epoch():
    pairs = make_pairs()
    table = pair_table(artifacts(pairs))
    # 26 windows name a place, 15 of them the fridge (8 opened) and 11 the door (6 opened).
    counts = {"easy": 15 * 11, "hard": 8 * 7 + 6 * 5, "false": 28 + 21 + 15 + 10}
    for epoch in (0, 4, 10):
        assert table[table["epoch"] == epoch].groupby("kind").size().to_dict() == counts
    assert not (table[["first_class", "second_class"]] == "Clean Table").any(axis=None)
    assert epochs_of(table) == [0, 4, 10]


def test_each_row_tells_its_pair():
    pairs = make_pairs()
    table = pair_table(artifacts(pairs))
    first, second = np.nonzero(pairs.kind >= 0)
    row = table[table["epoch"] == 4].reset_index(drop=True)
    for k in (0, 10, 100, 200):
        assert row["first_class"][k] == pairs.class_names[pairs.label[first[k]]]
        assert row["second_class"][k] == pairs.class_names[pairs.label[second[k]]]
        assert row["place"][k] == row["first_class"][k].split(" ", 1)[1]
        assert row["kind"][k] == pairs.kind_names[pairs.kind[first[k], second[k]]]
        assert row["weight"][k] == pairs.snapshots[1].weight[first[k], second[k]]
        assert row["spatial_similarity"][k] == pairs.snapshots[1].spatial_similarity[first[k], second[k]]
        assert row["temporal_similarity"][k] == pairs.snapshots[1].temporal_similarity[first[k], second[k]]
        assert row["same_action"][k] == (row["first_class"][k].split()[0] == row["second_class"][k].split()[0])


def test_seeds_stand_below_each_other():
    table = pair_table(artifacts(make_pairs(seed=0), make_pairs(seed=3)))
    assert table.groupby("seed").size().to_dict() == {0: 975, 3: 975}


@pytest.mark.parametrize(
    "other", [{"dataset": "hwu_usp"}, {"variant": "soft"}, {"split": "paper"}, {"epochs": (0, 10)}], ids=str
)
def test_runs_that_do_not_belong_together_are_refused(other):
    with pytest.raises(ContractError) as caught:
        pair_table(artifacts(make_pairs(), make_pairs(**other)))
    assert str(caught.value.path) == "results/seed1/negative_pairs.h5"
    assert caught.value.field == next(iter(other))


def test_a_kind_without_pairs_is_named():
    with pytest.raises(UserError, match=r"seed0/negative_pairs.h5: kind: found no hard pair among the 9 windows"):
        pair_table(artifacts(make_pairs([0] * 5 + [2] * 4)))


def test_the_line_at_the_foot_says_what_the_pairs_are_of():
    note = batch_note(artifacts(make_pairs()))
    assert note == "detach on opportunity · 28 pretraining windows, unaugmented"
    assert epoch_title(4) == "Stage 2, epoch 4"
    assert "start" in epoch_title(0)
