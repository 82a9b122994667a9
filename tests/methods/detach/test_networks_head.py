import pytest
import torch

from detach_core.methods.detach.networks import ClusterHead


def make(kind):
    torch.manual_seed(0)
    return ClusterHead({"encoders": {"dim": 4}, "clusters": 3, "cluster_head": kind, "cluster_temperature": 0.1})


@pytest.fixture
def centroid():
    return torch.eye(4)[:3] * 0.7


def test_cosine_logits_follow_the_centroids(centroid):
    logits = make("cosine")(torch.tensor([[0.0, 5.0, 0.0, 0.0]]), centroid)
    torch.testing.assert_close(logits, torch.tensor([[0.0, 10.0, 0.0]]))


def test_learnable_prototypes_start_at_the_centroids_and_then_go_their_own_way(centroid):
    head = make("learnable")
    head.start(centroid)
    feature = torch.randn(2, 4)
    torch.testing.assert_close(head(feature, centroid), make("cosine")(feature, centroid))
    torch.testing.assert_close(head(feature, -centroid), head(feature, centroid))
    head(feature, centroid).square().sum().backward()
    assert float(head.prototype.grad.abs().sum()) > 0


def test_a_linear_head_takes_no_notice_of_the_centroids(centroid):
    head = make("linear")
    feature = torch.randn(2, 4)
    assert torch.equal(head(feature, centroid), head(feature, 2 * centroid.flip(0)))


def test_only_trained_heads_have_weights():
    counts = {kind: len(list(make(kind).parameters())) for kind in ("cosine", "learnable", "linear")}
    assert counts == {"cosine": 0, "learnable": 1, "linear": 2}
