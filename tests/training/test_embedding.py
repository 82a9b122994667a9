import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from detach_core.contracts.checkpoint import Checkpoint
from detach_core.contracts.provenance import make_provenance
from detach_core.methods.registry import METHODS, build_method
from detach_core.training.batches import EVALUATION_BATCH, input_shape
from detach_core.training.embedding import embed_sensor_windows, embed_windows, own_start, rebuild
from detach_core.training.job import TrainingJob
from detach_core.training.randomness import seed_everything
from detach_core.training.session import make_checkpoint, normalisation_as_dict, run_session

CPU = torch.device("cpu")


def make(toy, windows, split, name):
    job = TrainingJob(name, toy.SETTINGS[name], toy.MACHINES)
    session = run_session(
        job,
        place="x",
        windows=windows,
        split=split,
        spatial=None,
        seed=0,
        log=logging.getLogger("test"),
    )
    provenance = make_provenance(stage="pretrain", source="simulated", settings={})
    return session.method, make_checkpoint(job, session, windows=windows, split=split, provenance=provenance)


def test_all_windows_are_embedded_in_order_with_the_checkpoints_normalisation(toy, windows, split, resident):
    method, checkpoint = make(toy, windows, split, "statistics")
    features = embed_windows(rebuild(checkpoint), checkpoint, windows, device=CPU)
    assert features.keys() == {"sensor"}
    assert features["sensor"].shape == (windows.num_windows, 64)
    batch = resident.gather("pretrain", torch.arange(4), modalities={"sensor"}, augment=False)
    expected = method.embed_sensor(batch.sensor).whole.numpy()
    np.testing.assert_allclose(features["sensor"][split.pretrain[:4]], expected, atol=1e-5)


def test_a_rebuilt_method_is_frozen_and_embeds_the_same(toy, windows, split):
    method, checkpoint = make(toy, windows, split, "detach_spatial")
    again = rebuild(checkpoint)
    assert not again.training
    assert not any(weight.requires_grad for weight in again.parameters())
    first, second = (embed_windows(m.eval(), checkpoint, windows, device=CPU) for m in (method, again))
    assert first.keys() == {"sensor", "sensor_spatial"}
    np.testing.assert_array_equal(first["sensor"], second["sensor"])


TRAINED = [name for name in METHODS if name not in ("statistics", "random_encoder")]


def drawn(toy, windows, split, name, seed):
    """A method as the training of a run with `seed` begins with it."""
    seed_everything(seed)
    statistics = split.normalisation.activation["centred"]
    activation = {"mean": statistics.mean.tolist(), "std": statistics.std.tolist()}
    return build_method(name, settings=toy.SETTINGS[name], shape=input_shape(windows), activation=activation)


def trained_elsewhere(toy, windows, split, name, seed):
    """A checkpoint whose weights are not those of its start, as after a training."""
    tensors = {key: value.clone() for key, value in drawn(toy, windows, split, name, seed).state_dict().items()}
    weights = dict(drawn(toy, windows, split, name, seed).named_parameters())
    for key in weights:
        tensors[key] = tensors[key] + 1.0
    job = TrainingJob(name, toy.SETTINGS[name], toy.MACHINES)
    return Checkpoint(
        method=name,
        settings=job.to_plain()["settings"],
        shape=input_shape(windows).as_dict(),
        normalisation=normalisation_as_dict(split.normalisation),
        dataset=windows.dataset,
        class_names=list(windows.class_names),
        class_places=list(windows.class_places),
        class_actions=list(windows.class_actions),
        channel_names=list(windows.channel_names),
        window_s=windows.window_s,
        max_nan_share=windows.max_nan_share,
        flow_method=windows.flow_method,
        flow_max_px=windows.flow_max_px,
        epoch=1,
        facts={},
        tensors=tensors,
        provenance=make_provenance(stage="pretrain", source="simulated", settings={}, seed=seed),
    )


@pytest.mark.parametrize("name", TRAINED)
def test_the_own_start_has_the_weights_that_the_runs_seed_draws(toy, windows, split, name):
    checkpoint = trained_elsewhere(toy, windows, split, name, seed=3)
    torch.manual_seed(99)
    start, expected = own_start(checkpoint, windows, split), drawn(toy, windows, split, name, 3)
    assert dict(start.named_parameters()).keys() == dict(expected.named_parameters()).keys()
    for key, weight in expected.named_parameters():
        assert torch.equal(start.get_parameter(key), weight)
    assert not start.training
    assert not any(weight.requires_grad for weight in start.parameters())


@pytest.mark.parametrize("name", TRAINED)
def test_the_own_starts_batch_norm_knows_the_pretraining_windows(toy, windows, split, resident, name):
    checkpoint = trained_elsewhere(toy, windows, split, name, seed=3)
    start = own_start(checkpoint, windows, split)
    norms = [module for module in start.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    assert not any(norm.training for norm in norms)
    seen: dict[Any, list[Any]] = {}
    for norm in norms:
        norm.register_forward_pre_hook(lambda module, inputs: seen.setdefault(module, []).append(inputs[0].detach()))
    for batch in resident.batches("pretrain", modalities={"sensor"}):
        start.embed_sensor(batch.sensor)
    for norm, inputs in list(seen.items())[:1]:  # what comes first does not depend on the others
        everything = torch.cat(inputs).transpose(0, 1).flatten(1)
        torch.testing.assert_close(norm.running_mean, everything.mean(dim=1), atol=1e-4, rtol=1e-3)


def test_the_own_start_keeps_what_was_measured_and_not_trained(toy, windows, split):
    checkpoint = trained_elsewhere(toy, windows, split, "supervised", seed=3)
    measured = {name: value for name, value in rebuild(checkpoint).named_buffers() if "activation" in name}
    assert measured
    start = dict(own_start(checkpoint, windows, split).named_buffers())
    assert all(torch.equal(start[name], value) for name, value in measured.items())


def test_the_own_start_of_another_seed_has_other_features(toy, windows, split):
    sensor = np.asarray(windows.sensor[:8])
    features = []
    for seed in (3, 3, 4):
        checkpoint = trained_elsewhere(toy, windows, split, "imu2clip", seed)
        start = own_start(checkpoint, windows, split)
        features.append(embed_sensor_windows(start, checkpoint, sensor, device=CPU)["sensor"])
    np.testing.assert_array_equal(features[0], features[1])
    assert not np.allclose(features[0], features[2], atol=1e-3)


@pytest.mark.parametrize("name", TRAINED)
def test_a_last_batch_of_one_window_is_calibrated_with_the_others(toy, windows, split, name):
    lone = replace(split, parts={**split.parts, "pretrain": np.arange(EVALUATION_BATCH + 1)})
    checkpoint = trained_elsewhere(toy, windows, split, name, seed=3)
    start = own_start(checkpoint, windows, lone)
    norms = [module for module in start.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    assert all(bool(torch.isfinite(norm.running_var).all()) for norm in norms)
    features = embed_sensor_windows(start, checkpoint, np.asarray(windows.sensor), device=CPU)
    assert all(np.isfinite(feature).all() for feature in features.values())
