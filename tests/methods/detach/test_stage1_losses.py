import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from detach_core.losses.contrastive import cosine_logits
from detach_core.methods.detach.stage1_losses import (
    class_weights,
    cluster_loss,
    refinement_loss,
    sensor_loss_terms,
    video_spatial_loss,
)


def log_probability(logits, label):
    return logits[label] - math.log(sum(math.exp(value) for value in logits))


def random_logits(seed, number=6, clusters=4):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(number, clusters, generator=generator, dtype=torch.float64)
    label = torch.randint(clusters, (number,), generator=generator)
    mask = torch.rand(number, generator=generator) < 0.5
    return logits, label, mask


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_cluster_loss_is_the_printed_equation(seed):
    logits, label, _ = random_logits(seed)
    weight = torch.rand(4, dtype=torch.float64)
    expected = 0.0
    for i in range(6):
        expected -= float(weight[label[i]]) * log_probability(logits[i].tolist(), int(label[i])) / 6
    assert abs(float(cluster_loss(logits, label, weight)) - expected) < 1e-9
    assert cluster_loss(logits.float(), label, weight).dtype == torch.float32


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_video_spatial_loss_is_the_printed_equation(seed):
    logits, label, confident = random_logits(seed)
    terms = [log_probability(logits[i].tolist(), int(label[i])) for i in range(6) if confident[i]]
    expected = -sum(terms) / len(terms) if terms else 0.0
    assert abs(float(video_spatial_loss(logits, label, confident)) - expected) < 1e-9


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), gate=st.sampled_from([0.0, 0.5, 0.9]))
def test_refinement_loss_is_the_printed_equation(seed, gate):
    sensor, _, ambiguous = random_logits(seed)
    video, _, _ = random_logits(seed + 1)
    terms = []
    for i in range(6):
        vote = max(range(4), key=lambda k, i=i: float(video[i, k]))
        if ambiguous[i] and math.exp(log_probability(video[i].tolist(), vote)) >= gate:
            terms.append(log_probability(sensor[i].tolist(), vote))
    expected = -sum(terms) / len(terms) if terms else 0.0
    assert abs(float(refinement_loss(sensor, video, ambiguous, gate=gate)) - expected) < 1e-9


def test_the_terms_of_the_sensor_loss_add_up_to_the_printed_equation():
    cluster, refinement = torch.tensor(2.0, dtype=torch.float64), torch.tensor(0.3, dtype=torch.float64)
    terms = sensor_loss_terms(cluster, refinement, 0.8, 1.5)
    assert {name: float(term) for name, term in terms.items()} == pytest.approx({"cluster": 1.6, "refinement": 0.45})
    assert abs(float(sum(terms.values())) - 2.05) < 1e-9
    assert sensor_loss_terms(cluster, None, 0.8, 1.5).keys() == {"cluster"}


def test_the_video_gets_no_gradient_from_refinement():
    sensor, video = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3, requires_grad=True)
    refinement_loss(sensor, video, torch.ones(4, dtype=torch.bool)).backward()
    assert video.grad is None
    assert float(sensor.grad.abs().sum()) > 0


def test_without_a_selected_window_each_loss_is_zero_and_attached():
    logits, label = torch.randn(4, 3, requires_grad=True), torch.zeros(4, dtype=torch.int64)
    none = torch.zeros(4, dtype=torch.bool)
    for loss in (
        video_spatial_loss(logits, label, none),
        refinement_loss(logits, torch.randn(4, 3), none),
        refinement_loss(logits, torch.zeros(4, 3), ~none, gate=0.9),
        cluster_loss(logits, label, torch.ones(3), mask=none),
    ):
        assert float(loss.detach()) == 0.0
        (gradient,) = torch.autograd.grad(loss, logits)
        assert torch.equal(gradient, torch.zeros(4, 3))


def test_a_mask_of_all_windows_is_the_plain_mean():
    logits, label, _ = random_logits(0)
    everyone = torch.ones(6, dtype=torch.bool)
    assert torch.equal(
        cluster_loss(logits, label, torch.ones(4), mask=everyone), video_spatial_loss(logits, label, everyone)
    )


def test_the_mean_is_over_windows_and_not_over_their_weights():
    logits, label, _ = random_logits(1)
    weight = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    doubled = cluster_loss(logits, label, 2 * weight)
    assert abs(float(doubled) - 2 * float(cluster_loss(logits, label, weight))) < 1e-12


def test_class_weights_fall_with_the_root_of_the_size_and_sum_to_the_clusters():
    weight = class_weights(torch.tensor([100, 400, 25]), "sum_k")
    assert abs(float(weight.sum()) - 3) < 1e-12
    assert abs(float(weight[0] / weight[1]) - 2) < 1e-12
    assert abs(float(weight[2] / weight[0]) - 2) < 1e-12


def test_an_empty_cluster_has_no_weight_and_does_not_drown_the_others():
    weight = class_weights(torch.tensor([100, 0, 100, 100, 100, 100, 100]), "sum_k")
    assert float(weight[1]) == 0.0
    assert torch.allclose(weight[[0, 2, 3, 4, 5, 6]], torch.full((6,), 7 / 6, dtype=torch.float64))
    assert torch.equal(class_weights(torch.zeros(3, dtype=torch.int64), "sum_k"), torch.zeros(3).double())


def test_literal_class_weights_are_the_printed_ones_and_none_are_ones():
    assert class_weights(torch.tensor([400, 0]), "literal").tolist() == [0.05, 0.0]
    assert class_weights(torch.tensor([400, 7]), "none").tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="reweight"):
        class_weights(torch.tensor([1]), "sum_one")


def test_cosine_logits_do_not_depend_on_lengths_and_survive_a_zero_vector():
    feature, centroid = torch.randn(5, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    logits = cosine_logits(feature, centroid, 0.1)
    assert torch.allclose(logits, cosine_logits(7 * feature, 0.2 * centroid, 0.1), atol=1e-12)
    assert float(logits.abs().max()) <= 10 + 1e-9
    dead = torch.zeros(2, 3, requires_grad=True)
    cluster_loss(cosine_logits(dead, torch.randn(4, 3), 0.1), torch.tensor([0, 1]), torch.ones(4)).backward()
    assert float(dead.grad.abs().max()) < 100


def test_shapes_that_do_not_fit_are_refused():
    logits, label, mask = random_logits(0)
    for call in (
        lambda: cosine_logits(torch.randn(2, 3), torch.randn(4, 5), 0.1),
        lambda: cluster_loss(logits, label, torch.ones(3)),
        lambda: cluster_loss(logits, label[:3], torch.ones(4)),
        lambda: video_spatial_loss(logits, label, mask[:3]),
        lambda: video_spatial_loss(logits, label, mask.long()),
        lambda: refinement_loss(logits, logits[:, :2], mask),
    ):
        with pytest.raises(ValueError):
            call()
