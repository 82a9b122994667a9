import math

import pytest
import torch

from detach_core.methods.batch import Truth
from detach_core.methods.detach import stage1_monitor as monitor

LOCATION = torch.tensor([0, 0, 0, 1, 1, 1])
TRUTH = Truth(LOCATION, torch.zeros(6, dtype=torch.int64), "label")


def test_renamed_clusters_agree_fully():
    assert monitor.cluster_agreement(1 - LOCATION, LOCATION) == pytest.approx({"purity": 1, "hungarian": 1, "nmi": 1})


def test_agreement_among_some_windows_looks_at_them_alone():
    label = torch.tensor([0, 0, 1, 1, 1, 0])
    among = torch.tensor([True, True, False, True, True, False])
    assert monitor.cluster_agreement(label, LOCATION, among)["hungarian"] == 1.0
    assert monitor.cluster_agreement(label, LOCATION, ~among)["hungarian"] == 1.0
    assert monitor.cluster_agreement(label, LOCATION)["hungarian"] == pytest.approx(4 / 6)


def test_no_window_gives_no_number():
    assert math.isnan(monitor.cluster_agreement(LOCATION, LOCATION, torch.zeros(6, dtype=torch.bool))["nmi"])


def test_a_row_tells_confident_from_ambiguous():
    confident = torch.tensor([True, True, True, True, False, False])
    row = monitor.agreement_row(torch.tensor([0, 0, 0, 1, 0, 0]), TRUTH, confident)
    assert row["confident_share"] == pytest.approx(4 / 6)
    assert row["clusters_confident"]["purity"] == 1.0
    assert row["clusters"]["hungarian"] == pytest.approx(4 / 6)


def test_votes_are_compared_where_the_video_was_asked():
    vote = torch.tensor([0, 0, -1, 1, 0, -1])
    row = monitor.vote_row(vote, LOCATION, torch.tensor([True, True, True, True, False, False]), TRUTH)
    assert row["vote_agreement_confident"] == 1.0
    assert row["vote_agreement_ambiguous"] == 0.0
    assert row["vote_largest_share"] == 0.75
    assert "warning" not in row


def test_a_collapsed_video_is_warned_of():
    row = monitor.vote_row(torch.zeros(6, dtype=torch.int64), LOCATION, torch.ones(6, dtype=torch.bool), TRUTH)
    assert "names one cluster for 100%" in row["warning"]
    assert row["vote_entropy"] == 0.0


def test_a_video_that_was_not_asked_has_no_row():
    assert monitor.vote_row(torch.full((6,), -1), LOCATION, LOCATION > 0, TRUTH) == {}


def test_references_are_k_means_on_the_activation_and_shuffled_clusters():
    activation = torch.nn.functional.one_hot(LOCATION, 3).float() + 0.01 * torch.randn(6, 3)
    row = monitor.reference_agreement(activation, LOCATION, TRUTH, starts=2, seed=0)
    assert row["activation_kmeans"]["hungarian"] == 1.0
    assert row["shuffled_clusters"]["hungarian"] < 1.0
    assert row["location_source"] == "label"


def test_unseen_accuracy_counts_confident_windows_alone():
    clusters = [
        (torch.tensor([[9.0, 0.0], [0.0, 9.0]]), torch.tensor([0, 0]), torch.tensor([True, True])),
        (torch.tensor([[9.0, 0.0]]), torch.tensor([1]), torch.tensor([False])),
    ]
    row = monitor.unseen_accuracy(lambda logits: logits, clusters)
    assert row == {"video_accuracy_unseen": 0.5, "num_confident_unseen": 2}
    assert monitor.unseen_accuracy(lambda logits: logits, clusters[1:])["video_accuracy_unseen"] is None
