import torch

from detach_core.methods.batch import SENSOR
from detach_core.methods.registry import build_method
from detach_core.training.batches import input_shape


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
    spatial = {name: value.shape for name, value in detach.sensor_spatial.encoder.named_parameters()}
    temporal = {name: value.shape for name, value in detach.sensor_temporal.named_parameters()}
    assert {name: value.shape for name, value in control.sensor.spatial.named_parameters()} == spatial
    assert {name: value.shape for name, value in control.sensor.temporal.named_parameters()} == temporal


def test_both_halves_have_length_1(toy, windows, resident):
    method = build_method("random_encoder", settings=toy.SETTINGS["random_encoder"], shape=input_shape(windows)).eval()
    embedding = method.embed_sensor(next(resident.batches("monitor", modalities={SENSOR})).sensor)
    for half in (embedding.spatial, embedding.temporal):
        torch.testing.assert_close(half.norm(dim=1), torch.ones(len(half)))
