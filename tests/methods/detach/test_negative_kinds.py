import math

import pytest
import torch

from detach_core.methods.detach.negative_kinds import (
    EASY,
    FALSE,
    HARD,
    NO_PAIR,
    mean_by_kind,
    negative_kinds,
    split_class_names,
)
from detach_core.methods.detach.negative_weights import negative_weights


def test_open_and_close_of_one_fixture_share_their_place():
    place, action = split_class_names(["Open Door 1", "Close Door 1", "Open Fridge", "Clean Table", "Open"])
    assert place == [0, 0, 1, -1, -1]
    assert action == [0, 1, 0, -1, -1]


def test_kinds_by_place_and_action():
    kind = negative_kinds(torch.tensor([0, 0, 0, 1, -1]), torch.tensor([0, 0, 1, 1, 0]))
    expected = [
        [NO_PAIR, FALSE, HARD, EASY, NO_PAIR],
        [FALSE, NO_PAIR, HARD, EASY, NO_PAIR],
        [HARD, HARD, NO_PAIR, EASY, NO_PAIR],
        [EASY, EASY, EASY, NO_PAIR, NO_PAIR],
        [NO_PAIR] * 5,
    ]
    assert kind.tolist() == expected


def test_strictly_easy_pairs_share_the_action():
    kind = negative_kinds(torch.tensor([0, 1, 2]), torch.tensor([0, 0, 1]), strict_easy=True)
    assert kind.tolist() == [[NO_PAIR, EASY, NO_PAIR], [EASY, NO_PAIR, NO_PAIR], [NO_PAIR] * 3]


def test_a_batch_of_fourteen_equal_classes_has_the_expected_false_and_hard_negatives():
    """About 18 of 255 negatives share place and action, and as many share the place alone."""
    label = torch.arange(256) % 14
    kind = negative_kinds(label // 2, label % 2)
    assert 17 <= float((kind == FALSE).sum(dim=1).double().mean()) <= 18
    assert 35 <= float(((kind == FALSE) | (kind == HARD)).sum(dim=1).double().mean()) <= 36


def test_ideal_features_weigh_hard_pairs_up_and_false_pairs_down():
    label = torch.arange(28) % 14
    place, action = torch.eye(7)[label // 2], torch.tensor([[1.0, 0.0], [-1.0, 0.0]])[label % 2]
    weight = negative_weights(place, place, action, action, 3.0, "spatial")
    assert mean_by_kind(weight, negative_kinds(label // 2, label % 2)) == {"easy": 1.0, "hard": 3.0, "false": 0.0}


def test_a_kind_without_pairs_has_no_mean():
    means = mean_by_kind(torch.ones(2, 2), negative_kinds(torch.tensor([0, 1]), torch.tensor([0, 0])))
    assert means["easy"] == 1.0
    assert math.isnan(means["hard"])


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="place and action"):
        negative_kinds(torch.zeros(3), torch.zeros(2))
    with pytest.raises(ValueError, match="one shape"):
        mean_by_kind(torch.ones(2, 2), torch.ones(3, 3))
