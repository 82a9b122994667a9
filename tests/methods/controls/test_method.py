from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from detach_core.contracts.split import read_split
from detach_core.contracts.windows import read_windows
from detach_core.methods.batch import SENSOR, all_sensors
from detach_core.methods.controls.method import FEATURES, RandomEncoder, channel_statistics, mean_by_recording
from detach_core.methods.detach.stage2 import Detach
from detach_core.methods.registry import build_method
from detach_core.training.batches import input_shape
from detach_core.training.loop import train


def test_each_statistic_is_what_numpy_says():
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(3, 2, 61))
    found = channel_statistics(torch.from_numpy(windows), 0.99).numpy()
    assert found.shape == (3, 2, len(FEATURES))
    time = np.linspace(-0.5, 0.5, 61)
    for index in np.ndindex(3, 2):
        x = windows[index]
        expected = [
            x.mean(),
            x.std(),
            x.min(),
            x.max(),
            x[-1] - x[0],
            np.polyfit(time, x, 1)[0],
            np.abs(np.diff(x)).mean(),
            np.quantile(np.abs(x - np.median(x)), 0.99),
        ]
        np.testing.assert_allclose(found[index], expected, atol=1e-9)


def test_a_window_at_rest_has_all_zeros():
    assert not channel_statistics(torch.zeros(1, 4, 60), 0.99).any()


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_order_of_events_is_seen(sign):
    ramp = sign * torch.linspace(0.0, 1.0, 60)[None, None]
    values = dict(zip(FEATURES, channel_statistics(ramp, 0.99)[0, 0].tolist(), strict=True))
    assert values["slope"] == pytest.approx(sign, abs=1e-4)
    assert values["last - first"] == pytest.approx(sign)


def test_weights_stay_as_initialised_and_batch_norm_knows_the_windows(toy, windows, resident):
    torch.manual_seed(0)
    method = build_method("random_encoder", settings=toy.SETTINGS["random_encoder"], shape=input_shape(windows))
    before = {name: value.clone() for name, value in method.named_parameters()}
    statistics = {name: value.clone() for name, value in method.named_buffers()}
    method.before_training(resident, num_steps=0)
    assert all(torch.equal(value, before[name]) for name, value in method.named_parameters())
    running = [name for name in statistics if "running_mean" in name]
    assert running
    assert all(not torch.equal(dict(method.named_buffers())[name], statistics[name]) for name in running)


def test_it_is_detachs_own_networks(toy, windows):
    control, detach = (
        build_method(n, settings=toy.SETTINGS[n], shape=input_shape(windows)) for n in ("random_encoder", "detach")
    )
    assert isinstance(detach, Detach)
    assert isinstance(control, RandomEncoder)
    spatial = {name: value.shape for name, value in detach.sensor_spatial.encoder.named_parameters()}
    temporal = {name: value.shape for name, value in detach.sensor_temporal.named_parameters()}
    assert {name: value.shape for name, value in control.sensor.spatial.named_parameters()} == spatial
    assert {name: value.shape for name, value in control.sensor.temporal.named_parameters()} == temporal


@pytest.mark.parametrize("name", ["random_encoder", "supervised"])
def test_a_cue_is_detachs_own_with_its_statistics(toy, windows, resident, name):
    plain, detach = toy.SETTINGS[name], toy.SETTINGS["detach"]
    shape = input_shape(windows)
    cued: Any = build_method(name, settings=replace(plain, temporal_cue="trend"), shape=shape)
    full: Any = build_method("detach", settings=replace(detach, temporal_cue="trend"), shape=shape)
    cued.before_training(resident, num_steps=8)
    temporal = {key: value.shape for key, value in full.sensor_temporal.state_dict().items()}
    assert {key: value.shape for key, value in cued.sensor.temporal.state_dict().items()} == temporal
    trend = cued.sensor.temporal.trend(all_sensors(resident))
    torch.testing.assert_close(trend.std(dim=0, correction=0), torch.ones(trend.shape[1]), atol=1e-4, rtol=0)
    without = build_method(name, settings=plain, shape=shape).state_dict()
    assert not any("trend" in key for key in without)


def test_both_halves_have_length_1(toy, windows, resident):
    method = build_method("random_encoder", settings=toy.SETTINGS["random_encoder"], shape=input_shape(windows)).eval()
    embedding = method.embed_sensor(next(resident.batches("monitor", modalities={SENSOR})).sensor)
    for half in (embedding.spatial, embedding.temporal):
        torch.testing.assert_close(half.norm(dim=1), torch.ones(len(half)))


def build(toy, windows):
    torch.manual_seed(0)
    return build_method("supervised", settings=toy.SETTINGS["supervised"], shape=input_shape(windows))


def test_recordings_are_averaged_and_keep_their_label():
    feature = torch.tensor([[1.0], [3.0], [10.0]])
    mean, label = mean_by_recording(feature, torch.tensor([4, 4, 2]), torch.tensor([7, 7, 3]))
    assert mean.tolist() == [[10.0], [2.0]]
    assert label.tolist() == [2, 4]


def test_windows_without_label_do_not_count(toy, windows, split, make_resident):
    method = build(toy, windows).eval().requires_grad_(False)
    access = make_resident(windows, split, with_labels=True)
    batch = access.gather("pretrain", torch.arange(4), modalities={SENSOR}, augment=False)
    whole = float(method.losses(batch)["classification"])
    logits = method.classifier(method.embed_sensor(batch.sensor).whole * 32**0.5)
    assert whole == pytest.approx(float(cross_entropy(logits, batch.label)), rel=1e-5)
    batch.label[:2] = -1
    assert float(method.losses(batch)["classification"]) == pytest.approx(
        float(cross_entropy(logits[2:], batch.label[2:])), rel=1e-5
    )
    batch.label[:] = -1
    assert float(method.losses(batch)["classification"]) == 0.0


def test_where_recordings_have_labels_the_loss_is_one_of_recordings(toy, sequence_home, make_resident):
    windows, split = read_windows(sequence_home / "windows.h5"), read_split(sequence_home / "split.json")
    method = build(toy, windows)
    assert method.batch_unit == "recording"
    access = make_resident(windows, split, with_labels=True)
    positions = next(iter(access.shuffled(48, "recording")))
    batch = access.gather("pretrain", positions, modalities={SENSOR}, augment=False)
    method.losses(batch)
    row = method.after_epoch(1)
    # Two recordings were asked, so the accuracy is a number of halves.
    assert row["training_accuracy"] in (0.0, 0.5, 1.0)


def test_training_lowers_the_loss(toy, windows, split, make_resident):
    method = build(toy, windows)
    method.num_epochs = 15
    access = make_resident(windows, split, with_labels=True)
    rows = train(method, access, place="x", report=lambda line: None).rows
    assert rows[-1]["losses"]["total"] < 0.7 * rows[1]["losses"]["total"]
    assert rows[-1]["training_accuracy"] > 3 / 8
    assert math.isfinite(rows[-1]["windows_per_s"])
