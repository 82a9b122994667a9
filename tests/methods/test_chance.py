"""Contrasts at chance: what a loss comes to where all features are alike, and a training that ends there."""

from dataclasses import replace

import pytest
import torch

from detach_core.losses import COLLAPSED_COSINE
from detach_core.methods.registry import build_method
from detach_core.training.batches import input_shape
from detach_core.training.loop import train
from detach_core.training.randomness import seed_everything


def make(toy, windows, name, **changes):
    seed_everything(0)
    return build_method(name, settings=replace(toy.SETTINGS[name], **changes), shape=input_shape(windows))


def silence(network):
    """All of a network's answers alike."""
    network.register_forward_hook(lambda module, inputs, output: output * 0.0 + 1.0)


def epoch_of(method, access):
    method.before_training(access, num_steps=10)
    method.before_epoch(method.num_epochs)
    method.train()
    position = torch.arange(method.batch_size)
    batch = access.gather("pretrain", position, modalities=method.modalities, augment=False)
    losses = method.losses(batch)
    return {name: float(losses[name].detach()) for name in losses}, method.chance_losses()


@pytest.mark.parametrize("name", ["imu2clip", "primus"])
def test_a_contrast_of_equal_features_is_at_chance(toy, windows, resident, name):
    method = make(toy, windows, name)
    silence(method.sensor)
    silence(method.video)
    found, chance = epoch_of(method, resident)
    assert chance
    assert {name: found[name] for name in chance} == pytest.approx(chance, rel=1e-5)


def test_the_contrast_of_cav_mae_is_at_chance_for_equal_tokens(toy, windows, resident):
    method = make(toy, windows, "cav_mae")
    silence(method.joint)
    found, chance = epoch_of(method, resident)
    assert found["contrastive"] == pytest.approx(chance["contrastive"], rel=1e-5)


def test_the_distillation_of_comodo_is_at_chance_for_a_student_that_ranks_nothing(toy, windows, resident):
    method = make(toy, windows, "comodo")
    method.sensor.register_forward_hook(lambda module, inputs, output: output * 0.0)
    found, chance = epoch_of(method, resident)
    assert found["distillation"] == pytest.approx(chance["distillation"], rel=1e-5)


def test_the_teacher_of_comodo_is_at_chance_for_equal_clips(toy, windows, resident):
    method = make(toy, windows, "comodo")
    method.before_training(resident, num_steps=10)
    method.before_epoch(1)
    silence(method.teacher.trunk)
    position = torch.arange(method.batch_size)
    batch = resident.gather("pretrain", position, modalities=method.modalities, augment=False)
    found = float(method.losses(batch)["two_views"].detach())
    assert found == pytest.approx(method.chance_losses()["two_views"], rel=1e-5)


def test_the_weighted_contrast_of_detach_is_at_chance_for_equal_features(toy, windows, resident):
    method = make(toy, windows, "detach", z_parts=("temporal",))
    silence(method.sensor_temporal)
    silence(method.video_temporal)
    found, chance = epoch_of(method, resident)
    assert found == pytest.approx(chance, rel=1e-5)
    assert method.chance_losses() == {}


def test_a_training_with_equal_features_says_that_it_collapsed(toy, windows, resident):
    lines: list[str] = []
    method = make(toy, windows, "imu2clip")
    silence(method.sensor)
    silence(method.video)
    run = train(method, resident, place="x", report=lines.append)
    expected = "mean cosine of `sensor` 1.000; loss contrastive 5.545 of 5.545 at chance, 100% of the total"
    assert run.facts["collapse"] == expected
    assert lines[-1].startswith(f"warning: this training has collapsed ({expected})")
    assert run.rows[-1]["mean_cosine_unseen"]["sensor"] == pytest.approx(1.0)


@pytest.mark.parametrize("half", ["spatial", "temporal"])
def test_a_half_of_equal_features_is_a_collapse_beside_a_sound_one(toy, windows, resident, half):
    method = make(toy, windows, "detach")
    silence(getattr(method, f"sensor_{half}"))
    run = train(method, resident, place="x", report=lambda line: None)
    assert run.facts["collapse"].split("; ")[0] == f"mean cosine of `sensor_{half}` 1.000"
    assert run.rows[-1]["mean_cosine_training"]["sensor"] < COLLAPSED_COSINE


def test_a_teacher_of_equal_clips_is_a_collapse_though_the_student_trained_last(toy, windows, resident):
    method = make(toy, windows, "comodo")
    silence(method.teacher.trunk)
    run = train(method, resident, place="x", report=lambda line: None)
    assert "two_views" not in run.rows[-1]["losses"]
    assert "loss two_views 2.708 of 2.708 at chance, 100% of the total" in run.facts["collapse"]


def test_a_sound_training_says_nothing_of_it(toy, windows, resident):
    lines: list[str] = []
    method = make(toy, windows, "imu2clip", epochs=10)
    run = train(method, resident, place="x", report=lines.append)
    assert run.facts["collapse"] == ""
    assert not any("collapsed" in line for line in lines)
    row = run.rows[-1]
    assert row["losses"]["contrastive"] < 0.9 * row["chance_losses"]["contrastive"]
    assert row["mean_cosine_unseen"]["sensor"] < 0.9
    assert row["mean_cosine_training"].keys() == {"sensor", "video"}
    assert "chance_losses" not in run.rows[0]
