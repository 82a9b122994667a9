"""Contract tests over the registry: a new method is tested on arrival, with its settings of `config.yaml`."""

from dataclasses import replace

import pytest
import torch

from detach_core.contracts.checkpoint import read_tensors, write_tensors
from detach_core.methods.batch import SENSOR
from detach_core.methods.registry import METHODS, build_method
from detach_core.training.batches import input_shape
from detach_core.training.loop import train
from detach_core.training.randomness import seed_everything


@pytest.fixture(params=METHODS)
def name(request):
    return request.param


@pytest.fixture
def activation(split):
    statistics = split.normalisation.activation["centred"]
    return {"mean": statistics.mean.tolist(), "std": statistics.std.tolist()}


@pytest.fixture
def access(windows, split, make_resident, name):
    return make_resident(windows, split, with_labels=METHODS.implementation(name).uses_labels)


@pytest.fixture
def method(toy, windows, activation, access, name):
    seed_everything(0)
    method = build_method(name, settings=toy.SETTINGS[name], shape=input_shape(windows), activation=activation)
    method.before_training(access, num_steps=8)
    return method


def sensor_gradient(method):
    """Sum of the gradients' sizes over the sensor's networks."""
    return sum(
        float(weight.grad.abs().sum())
        for part, weight in method.named_parameters()
        if part.startswith("sensor") and weight.grad is not None
    )


def test_two_windows_give_finite_losses_whose_gradients_reach_the_sensor_encoder(method, access):
    if not method.num_epochs:
        pytest.skip("is not trained")
    reached = False
    for epoch in range(1, method.num_epochs + 1):
        method.before_epoch(epoch)
        method.train()
        method.zero_grad()
        batch = access.gather("pretrain", torch.tensor([3, 11]), modalities=method.modalities, augment=True)
        terms = method.losses(batch)
        assert terms
        assert all(term.ndim == 0 and bool(torch.isfinite(term)) for term in terms.values())
        sum(terms.values()).backward()
        method.after_step()
        method.after_epoch(epoch)
        # A phase whose batches lack the sensor trains the video alone (COMODO's teacher): nothing can reach it there.
        if SENSOR in method.modalities:
            assert sensor_gradient(method) > 0
            reached = True
        else:
            assert any(weight.grad is not None and bool(weight.grad.any()) for weight in method.parameters())
    assert reached


def test_a_method_that_is_not_trained_has_no_loss(method, access):
    if method.num_epochs:
        pytest.skip("is trained")
    with pytest.raises(NotImplementedError):
        method.losses(next(access.batches("pretrain", modalities={SENSOR})))
    assert not any(weight.requires_grad for weight in method.parameters())


def test_sensor_windows_are_embedded_to_the_declared_dimension(method, access):
    batch = next(access.batches("monitor", modalities={SENSOR}))
    embedding = method.eval().embed_sensor(batch.sensor)
    assert embedding.whole.shape == (len(batch), method.embedding_dim)
    assert bool(torch.isfinite(embedding.whole).all())


def test_video_is_embedded_into_the_sensors_space_or_not_at_all(method, access):
    batch = next(access.batches("monitor", modalities=method.video_modalities | {SENSOR}))
    sensor, video = method.eval().embed_sensor(batch.sensor), method.embed_video(batch)
    assert video is None or video.in_shared_space.shape == sensor.in_shared_space.shape


def test_the_parts_that_rows_may_probe_are_there_and_are_not_the_whole(method, access):
    batch = next(access.batches("monitor", modalities={SENSOR}))
    embedding = method.eval().embed_sensor(batch.sensor)
    for part in method.settings.parts:
        value = getattr(embedding, part)
        assert value.shape[0] == len(batch)
        assert not torch.equal(value, embedding.whole)


@pytest.mark.parametrize("adapted", [False, True])
def test_the_parts_of_primus_depend_on_its_settings(toy, windows, adapted):
    settings = replace(toy.SETTINGS["primus"], authors_adaptation=adapted)
    method = build_method("primus", settings=settings, shape=input_shape(windows)).eval()
    embedding = method.embed_sensor(torch.zeros(1, method.shape.channels, method.shape.length))
    assert settings.parts == (() if adapted else ("shared",))
    assert (embedding.shared is None) == adapted


def test_a_checkpoint_gives_equal_embeddings(method, access, toy, windows, name, tmp_path):
    if method.num_epochs:
        train(method, access, place="x", report=lambda line: None)
    write_tensors(tmp_path / "m.safetensors", method.state_dict(), {"schema": "test"})
    tensors, _ = read_tensors(tmp_path / "m.safetensors", schema="test", fields=(), rule="pretrain")
    again = build_method(name, settings=toy.SETTINGS[name], shape=input_shape(windows))
    again.restore(tensors)
    sensor = next(access.batches("monitor", modalities={SENSOR})).sensor
    first, second = (m.eval().embed_sensor(sensor).whole for m in (method, again))
    assert torch.equal(first, second)


def test_the_probed_feature_is_named(method):
    assert method.probed
    assert method.batch_unit in ("window", "recording")


def test_snapshots_are_tensors_of_the_state(method):
    state = method.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in method.snapshot_state().items())


def test_only_methods_that_use_labels_get_them(name):
    assert METHODS.implementation(name).uses_labels == (name == "supervised")


def test_a_method_is_built_from_settings_of_its_own_type(toy, method, name):
    assert type(toy.SETTINGS[name]) is METHODS.settings(name) is METHODS.implementation(name).settings_type
    assert method.settings is toy.SETTINGS[name]


def test_an_unknown_method_is_refused(windows):
    with pytest.raises(
        LookupError, match=r"unknown method 'other'; known are detach_spatial, detach, .*`module:Class`"
    ):
        build_method("other", settings=None, shape=input_shape(windows))
