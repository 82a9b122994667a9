from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, normalize

from detach_core.losses import cosine_logits, info_nce
from detach_core.methods.detach.losses import (
    class_weights,
    cluster_loss,
    refinement_loss,
    sensor_loss_terms,
    video_spatial_loss,
    weighted_info_nce,
    weighted_info_nce_at_chance,
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
        vote = max(range(4), key=video[i].tolist().__getitem__)
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
        class_weights(torch.tensor([1]), "sum_one")  # type: ignore[arg-type]


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


def printed_equations_12_and_13(video, sensor, weight, temperature):
    """Loops over plain floats; `weight` is asked for (video, sensor) in both directions."""

    def cosine(first, second):
        dot = sum(a * b for a, b in zip(first, second, strict=True))
        return dot / math.sqrt(sum(a * a for a in first)) / math.sqrt(sum(b * b for b in second))

    number = len(video)
    v, s = video.tolist(), sensor.tolist()
    v2s = s2v = 0.0
    for i in range(number):
        positive = math.exp(cosine(v[i], s[i]) / temperature)
        others = [j for j in range(number) if j != i]
        v2s -= math.log(
            positive
            / (positive + sum(float(weight[i, j]) * math.exp(cosine(v[i], s[j]) / temperature) for j in others))
        )
        s2v -= math.log(
            positive
            / (positive + sum(float(weight[j, i]) * math.exp(cosine(v[j], s[i]) / temperature) for j in others))
        )
    return (v2s + s2v) / number / 2


def random_pairs(seed, number=5, dim=6):
    generator = torch.Generator().manual_seed(seed)
    video = 3 * torch.randn(number, dim, generator=generator, dtype=torch.float64)
    sensor = 0.2 * torch.randn(number, dim, generator=generator, dtype=torch.float64)
    weight = 3 * torch.rand(number, number, generator=generator, dtype=torch.float64)
    return video, sensor, weight.fill_diagonal_(0)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), number=st.integers(1, 7), temperature=st.floats(0.05, 2.0))
def test_the_loss_is_the_printed_equation(seed, number, temperature):
    video, sensor, weight = random_pairs(seed, number)
    weight[torch.rand(weight.shape, generator=torch.Generator().manual_seed(seed)) < 0.2] = 0
    expected = printed_equations_12_and_13(video, sensor, weight, temperature)
    assert abs(float(weighted_info_nce(video, sensor, weight, temperature)) - expected) < 1e-9
    single = weighted_info_nce(video.float(), sensor.float(), weight.float(), temperature)
    assert single.dtype == torch.float32
    assert abs(float(single) - expected) < 1e-4


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_weights_of_one_give_the_symmetric_cross_entropy(seed):
    video, sensor, weight = random_pairs(seed)
    logits = normalize(video, dim=1) @ normalize(sensor, dim=1).T / 0.1
    target = torch.arange(len(video))
    expected = (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2
    loss = weighted_info_nce(video, sensor, torch.ones_like(weight), 0.1)
    assert abs(float(loss - expected)) < 1e-12
    assert abs(float(loss - info_nce(video, sensor, 0.1))) < 1e-12


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_the_batch_does_not_matter(seed):
    video, sensor, weight = random_pairs(seed)
    order = torch.randperm(len(video), generator=torch.Generator().manual_seed(seed))
    shuffled = weighted_info_nce(video[order], sensor[order], weight[order][:, order], 0.1)
    assert abs(float(shuffled - weighted_info_nce(video, sensor, weight, 0.1))) < 1e-12


def test_swapping_the_modalities_with_the_weight_transposed_changes_nothing():
    video, sensor, weight = random_pairs(3)
    assert not torch.equal(weight, weight.T)
    loss = weighted_info_nce(video, sensor, weight, 0.1)
    assert abs(float(loss - weighted_info_nce(sensor, video, weight.T, 0.1))) < 1e-12
    assert abs(float(loss - weighted_info_nce(sensor, video, weight, 0.1))) > 1e-3


def test_zero_weight_removes_the_negative_with_finite_gradients():
    video, sensor, weight = random_pairs(4)
    weight[0, 1:] = weight[1:, 0] = 0
    video.requires_grad_()
    sensor.requires_grad_()
    loss = weighted_info_nce(video, sensor, weight, 0.1)
    rest = weighted_info_nce(video[1:], sensor[1:], weight[1:, 1:], 0.1)
    assert abs(float(loss.detach()) - float(rest.detach()) * 4 / 5) < 1e-12
    loss.backward()
    assert bool(torch.isfinite(video.grad).all() and torch.isfinite(sensor.grad).all())
    assert float(video.grad[0].abs().max()) < 1e-15


@pytest.mark.parametrize("number", [1, 4])
def test_without_any_negative_loss_and_gradient_are_zero(number):
    video, sensor, weight = random_pairs(5, number)
    video.requires_grad_()
    loss = weighted_info_nce(video, sensor, torch.zeros_like(weight), 0.1)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert torch.equal(video.grad, torch.zeros_like(video))


def test_logits_too_large_for_exp_do_not_overflow():
    video = torch.eye(3)
    sensor = -torch.eye(3).requires_grad_()
    loss = weighted_info_nce(video, sensor, torch.ones(3, 3), 1e-3)
    assert abs(float(loss.detach()) - (1000 + math.log(2))) < 1e-2
    assert bool(torch.isfinite(torch.autograd.grad(loss, sensor)[0]).all())


def test_autocast_and_half_precision_do_not_reach_the_loss():
    video, sensor, weight = (tensor.float() for tensor in random_pairs(6))
    expected = weighted_info_nce(video, sensor, weight, 0.1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(weighted_info_nce(video, sensor, weight, 0.1), expected)
        assert torch.equal(info_nce(video, sensor, 0.1), weighted_info_nce(video, sensor, torch.ones(5, 5), 0.1))
    assert weighted_info_nce(video.bfloat16(), sensor.bfloat16(), weight, 0.1).dtype == torch.float32


def test_a_dead_encoder_gives_cosine_zero_and_finite_gradients():
    video = torch.zeros(4, 3, requires_grad=True)
    loss = weighted_info_nce(video, torch.randn(4, 3), torch.ones(4, 4), 0.1)
    loss.backward()
    assert abs(float(loss.detach()) - math.log(4)) < 1e-6
    assert float(video.grad.abs().max()) < 100


def test_no_gradient_reaches_the_weights_and_their_diagonal_plays_no_part():
    video, sensor, weight = random_pairs(7)
    video.requires_grad_()
    learnable = weight.clone().requires_grad_()
    weighted_info_nce(video, sensor, learnable, 0.1).backward()
    assert learnable.grad is None
    other = weight + 5 * torch.eye(5, dtype=torch.float64)
    assert torch.equal(weighted_info_nce(video, sensor, other, 0.1), weighted_info_nce(video, sensor, weight, 0.1))


def test_the_given_weights_are_left_as_they_were():
    video, sensor, weight = random_pairs(8)
    before = weight.clone()
    weighted_info_nce(video, sensor, weight, 0.1)
    assert torch.equal(weight, before)


@pytest.mark.parametrize("shape", [(3, 2), (4,), (4, 4, 1), (5, 5), ()])
def test_a_weight_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match="weight must be"):
        weighted_info_nce(torch.randn(4, 3), torch.randn(4, 3), torch.ones(shape), 0.1)


def test_features_that_do_not_pair_are_refused():
    for video, sensor in [((4, 3), (4, 2)), ((4, 3), (3, 3)), ((4,), (4,)), ((0, 3), (0, 3))]:
        with pytest.raises(ValueError, match="video and sensor"):
            weighted_info_nce(torch.randn(video), torch.randn(sensor), torch.ones(4, 4), 0.1)


@pytest.mark.parametrize("temperature", [0.0, -0.1, float("nan")])
def test_a_temperature_not_above_zero_is_refused(temperature):
    with pytest.raises(ValueError, match="temperature"):
        weighted_info_nce(torch.randn(2, 3), torch.randn(2, 3), torch.ones(2, 2), temperature)


def test_a_learned_temperature_gets_a_gradient():
    temperature = torch.tensor(0.1, requires_grad=True)
    weighted_info_nce(torch.randn(4, 3), torch.randn(4, 3), torch.ones(4, 4), temperature).backward()
    assert float(temperature.grad.abs()) > 0


@pytest.mark.parametrize("value", [-0.01, float("nan")])
def test_a_negative_or_undefined_weight_is_refused(value):
    weight = torch.ones(2, 2)
    weight[0, 1] = value
    with pytest.raises(ValueError, match="weight"):
        weighted_info_nce(torch.randn(2, 3), torch.randn(2, 3), weight, 0.1)


def test_at_chance_the_weighted_contrast_is_what_equal_features_cost():
    weight = torch.rand(6, 6, dtype=torch.float64) * 3.0
    expected = sum(
        math.log(1.0 + sum(float(row[j]) for j in range(6) if j != i)) / 12
        for rows in (weight, weight.T)
        for i, row in enumerate(rows)
    )
    assert float(weighted_info_nce_at_chance(weight)) == pytest.approx(expected, abs=1e-12)
    alike = torch.ones(6, 4, dtype=torch.float64)
    assert float(weighted_info_nce(alike, alike, weight, 0.1)) == pytest.approx(expected, abs=1e-9)
    assert float(weighted_info_nce_at_chance(torch.ones(6, 6))) == pytest.approx(math.log(6))
