from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from detach_core.losses import cosine_logits
from detach_core.methods.batch import Truth
from detach_core.methods.detach import stage1 as monitor
from detach_core.methods.detach.settings import PlateauSettings, SpatialSettings
from detach_core.methods.detach.stage1 import SpatialPhases
from detach_core.methods.registry import build_method
from detach_core.training.batches import input_shape
from detach_core.training.loop import train
from detach_core.training.randomness import seed_everything


def build(toy, windows, split, **changes):
    seed_everything(0)
    statistics = split.normalisation.activation["centred"]
    return build_method(
        "detach_spatial",
        settings=replace(toy.SPATIAL, **changes),
        shape=input_shape(windows),
        activation={"mean": statistics.mean.tolist(), "std": statistics.std.tolist()},
    )


def run(method, resident, toy):
    return train(method, resident, place="x", report=lambda line: None)


def step(method, resident, epoch, count=24):
    """Enter `epoch` and compute its losses on some windows."""
    method.before_epoch(epoch)
    method.train()
    batch = resident.gather("pretrain", torch.arange(count), modalities=method.modalities, augment=False)
    return batch, method.losses(batch)


@pytest.fixture
def method(toy, windows, split, resident):
    method = build(toy, windows, split)
    method.before_training(resident, num_steps=1)
    return method


def test_the_memory_starts_with_unit_features_and_clusters_of_all_windows(method):
    memory = method.memory
    assert memory.feature.shape == (72, 32)
    torch.testing.assert_close(memory.feature.norm(dim=1), torch.ones(72))
    assert memory.counts().sum() == 72
    assert (memory.counts() > 0).all()


@pytest.mark.parametrize(
    ("epoch", "terms", "modalities"),
    [
        (1, {"cluster"}, {"sensor"}),
        (2, {"cluster", "video"}, {"sensor", "mean_frame"}),
        (4, {"cluster", "refinement"}, {"sensor"}),
    ],
)
def test_each_phase_has_its_terms_and_decodes_no_more_than_it_needs(method, resident, epoch, terms, modalities):
    _, losses = step(method, resident, epoch)
    assert losses.keys() == terms
    assert method.modalities == modalities


def test_terms_are_those_of_the_equations(method, resident):
    batch, losses = step(method, resident, 2)
    memory = method.memory
    label = memory.label[batch.position]
    seen = method._seen[1]
    confident = method._is_confident(seen, label)
    assert 0 < int(confident.sum()) < len(confident)
    with torch.no_grad():
        logits = cosine_logits(method.sensor(batch.sensor), memory.centroid, 0.1)
        video = method.video(batch)
    weight = memory.counts().double() ** -0.5
    weight = (4 * weight / weight.sum()).float()
    cluster = -(weight[label] * logits.log_softmax(1)[torch.arange(24), label]).mean()
    torch.testing.assert_close(losses["cluster"].detach(), cluster, rtol=1e-4, atol=1e-5)
    expected = -video.log_softmax(1)[torch.arange(24), label][confident].mean()
    torch.testing.assert_close(losses["video"].detach(), expected, rtol=1e-4, atol=1e-5)


def test_refinement_asks_the_frozen_video_about_ambiguous_windows(method, resident):
    batch, losses = step(method, resident, 4)
    label = method.memory.label[batch.position]
    ambiguous = ~method._is_confident(method._seen[1], label)
    with torch.no_grad():
        logits = cosine_logits(method.sensor(batch.sensor), method.memory.centroid, 0.1)
        frames = resident.gather("pretrain", batch.position, modalities={"mean_frame"}, augment=False)
        vote = method.video(frames).argmax(dim=1)
    expected = -1.5 * logits.log_softmax(1)[torch.arange(24), vote][ambiguous].mean()
    torch.testing.assert_close(losses["refinement"].detach(), expected, rtol=1e-4, atol=1e-5)
    torch.autograd.backward(sum(losses.values()))
    assert all(weight.grad is None for weight in method.video.parameters())


def test_video_gradients_reach_the_video_alone(method, resident):
    _, losses = step(method, resident, 2)
    torch.autograd.backward(losses["video"])
    assert all(weight.grad is None for weight in method.sensor.parameters())
    assert any(weight.grad is not None for weight in method.video.parameters())


def test_the_frozen_video_does_not_change_in_the_refinement(toy, windows, split, resident):
    method = build(toy, windows, split)
    states = {}
    after = method.after_epoch

    def remember(epoch):
        states[epoch] = {name: value.clone() for name, value in method.video.state_dict().items()}
        return after(epoch)

    method.after_epoch = remember
    run(method, resident, toy)
    assert any(not torch.equal(states[1][name], states[3][name]) for name in states[1])
    assert all(torch.equal(states[3][name], states[5][name]) for name in states[3])


def test_a_video_that_is_not_frozen_learns_on(toy, windows, split, resident):
    method = build(toy, windows, split, freeze_video=False)
    method.before_training(resident, num_steps=1)
    _, losses = step(method, resident, 4)
    assert losses.keys() == {"cluster", "video", "refinement"}
    assert method.video.training


def test_targets_are_the_labels_from_before_the_step(method, resident):
    before = method.memory.label.clone()
    step(method, resident, 1)
    assert torch.equal(method.memory.label, before)
    feature = method.memory.feature.clone()
    method.after_step()
    changed = (method.memory.feature != feature).any(dim=1)
    assert changed[:24].all()
    assert not changed[24:].any()


def test_memory_and_confidence_take_clean_features(toy, windows, split, make_resident):
    augmented = make_resident(windows, split, augmentation=toy.AUGMENTATION)
    method = build(toy, windows, split)
    method.before_training(augmented, num_steps=1)
    method.before_epoch(1)
    method.train()
    batch = augmented.gather("pretrain", torch.arange(16), modalities=method.modalities, augment=True)
    method.losses(batch)
    assert method.sensor.training
    plain = augmented.gather("pretrain", torch.arange(16), modalities={"sensor"}, augment=False)
    with torch.no_grad():
        torch.testing.assert_close(method._seen[1], method.eval().sensor(plain.sensor))
        assert not torch.allclose(method._seen[1], method.sensor(batch.sensor))


def test_without_refinement_the_joint_phase_goes_on(toy, windows, split, resident):
    rows = run(build(toy, windows, split, refine=False), resident, toy).rows
    assert [row["phase"] for row in rows] == ["start", "warm-up", "joint", "joint", "joint", "joint"]
    assert "refinement" not in rows[-1]["losses"]


def test_with_every_window_confident_nothing_is_refined_unless_all_are_asked(toy, windows, split, resident):
    for changes, expected in (({}, 0.0), ({"refine_all": True}, None)):
        method = build(toy, windows, split, confident_quantile=1.0, **changes)
        method.before_training(resident, num_steps=1)
        refinement = float(step(method, resident, 4)[1]["refinement"].detach())
        assert (refinement == expected) if expected is not None else (refinement > 0.0)


def test_a_gate_of_1_switches_the_refinement_off(toy, windows, split, resident):
    method = build(toy, windows, split, refine_gate=1.0)
    method.before_training(resident, num_steps=1)
    assert float(step(method, resident, 4)[1]["refinement"].detach()) == 0.0


def test_scope_confident_leaves_ambiguous_windows_out_after_the_warm_up(toy, windows, split, resident):
    found = {}
    for scope in ("all", "confident"):
        method = build(toy, windows, split, cluster_scope=scope)
        method.before_training(resident, num_steps=1)
        found[scope] = [float(step(method, resident, epoch)[1]["cluster"].detach()) for epoch in (1, 2)]
    assert found["all"][0] == found["confident"][0]
    assert found["all"][1] != found["confident"][1]


@pytest.mark.parametrize(
    "changes",
    [
        {"cluster_head": "linear"},
        {"cluster_head": "learnable"},
        {"video_time_average": "features"},
        {"reweight": "none"},
        {"activation": "range"},
        {"min_size": 0.0},
        {"confident_strict": True},
        {"centroid_every_epochs": 2},
        {"warmup_epochs": 0},
    ],
)
def test_every_switch_trains_to_finite_rows(toy, windows, split, resident, changes):
    rows = run(build(toy, windows, split, **changes), resident, toy).rows
    assert len(rows) == (5 if "warmup_epochs" in changes else 6)
    assert all(torch.isfinite(torch.tensor(list(row["losses"].values()))).all() for row in rows[1:])


def test_rows_hold_what_figure_10_and_the_monitoring_need(toy, windows, split, resident):
    training = run(build(toy, windows, split), resident, toy)
    row = training.rows[-1]
    assert training.rows[0]["phase"] == "start"
    assert 0.0 <= row["change_rate"] <= 1.0
    assert sum(row["cluster_sizes"]) == 72
    assert {
        "clusters",
        "clusters_confident",
        "clusters_ambiguous",
        "vote_entropy",
        "video_accuracy_unseen",
    } <= row.keys()
    assert training.facts.keys() >= {"activation_kmeans", "shuffled_clusters", "location_source"}


def test_adaptive_training_ends_when_labels_settle(toy, windows, split, resident):
    plateau = PlateauSettings(rate=1.0, epochs=1)
    method = build(toy, windows, split, stop="adaptive", plateau=plateau, refinement_epochs=9)
    assert run(method, resident, toy).num_epochs == 4


SETTINGS = SpatialSettings(
    warmup_epochs=2,
    joint_epochs=3,
    refine=True,
    refinement_epochs=6,
    stop="adaptive",
    min_refinement_epochs=4,
    plateau=PlateauSettings(rate=0.01, epochs=3),
)


def test_phases_follow_each_other():
    phases = SpatialPhases(SETTINGS)
    names = [phases.phase(epoch) for epoch in range(1, phases.num_epochs + 1)]
    assert names == ["warm-up"] * 2 + ["joint"] * 3 + ["refinement"] * 6


def test_without_refinement_the_joint_phase_goes_on_for_as_long():
    phases = SpatialPhases(replace(SETTINGS, refine=False))
    assert phases.num_epochs == 11
    assert {phases.phase(epoch) for epoch in range(3, 12)} == {"joint"}


@pytest.mark.parametrize(
    ("rates", "over"),
    [
        ([], False),
        ([0.0, 0.0, 0.0], False),
        ([0.5, 0.0, 0.0, 0.0], True),
        ([0.5, 0.0, 0.02, 0.0, 0.0], False),
        ([0.5] * 6, True),
    ],
)
def test_adaptive_training_ends_at_the_plateau_or_the_cap(rates, over):
    assert SpatialPhases(SETTINGS).is_over(rates) is over


def test_fixed_training_ends_at_its_count():
    phases = SpatialPhases(replace(SETTINGS, stop="fixed"))
    assert not phases.is_over([0.0] * 5)
    assert phases.is_over([0.0] * 6)


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
    clusters: list[Any] = [
        (torch.tensor([[9.0, 0.0], [0.0, 9.0]]), torch.tensor([0, 0]), torch.tensor([True, True])),
        (torch.tensor([[9.0, 0.0]]), torch.tensor([1]), torch.tensor([False])),
    ]

    def classify(batch: Any) -> Any:
        return batch

    row = monitor.unseen_accuracy(classify, clusters)
    assert row == {"video_accuracy_unseen": 0.5, "num_confident_unseen": 2}
    assert monitor.unseen_accuracy(classify, clusters[1:])["video_accuracy_unseen"] is None
