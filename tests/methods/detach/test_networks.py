import pytest
import torch

from detach_core.methods import networks
from detach_core.methods.batch import SENSOR
from detach_core.training.batches import input_shape


@pytest.fixture
def network(toy, windows):
    torch.manual_seed(0)
    return networks.sensor_spatial(toy.SPATIAL, input_shape(windows), None, mode="abs")


def test_batch_norm_gets_the_statistics_of_all_windows(network, resident):
    norm = next(module for module in network.modules() if isinstance(module, torch.nn.BatchNorm1d))
    seen = []
    norm.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach()))
    networks.calibrate_batch_norm(network, resident)
    everything = torch.cat(seen)
    torch.testing.assert_close(norm.running_mean, everything.mean(dim=(0, 2)), atol=1e-4, rtol=1e-3)
    assert not network.training
    assert norm.momentum == 0.1


def test_clean_features_know_no_augmentation_and_leave_the_mode_and_the_statistics(
    network, windows, split, make_resident, toy
):
    augmented = make_resident(windows, split, augmentation=toy.NETWORK["augmentation"])
    network.train()
    before = {name: value.clone() for name, value in network.named_buffers()}
    position = torch.tensor([4, 1])
    feature = networks.clean_feature(network, augmented, position)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.named_buffers())
    batch = augmented.gather("pretrain", position, modalities={SENSOR}, augment=False)
    assert torch.equal(feature, network.eval()(batch.sensor).detach())


@pytest.mark.parametrize("mode", ["signed", "range"])
def test_an_activation_without_statistics_in_the_split_is_standardised_from_the_windows(toy, windows, resident, mode):
    network = networks.sensor_spatial(toy.SPATIAL, input_shape(windows), None, mode=mode)
    networks.fit_activation(network, resident)
    value = network.activation(networks.all_sensors(resident))
    torch.testing.assert_close(value.mean(dim=0), torch.zeros(8), atol=1e-4, rtol=0)
    torch.testing.assert_close(value.std(dim=0, correction=0), torch.ones(8), atol=1e-4, rtol=0)


def test_the_splits_statistics_stay(toy, windows, resident):
    statistics = {"mean": [0.5] * 8, "std": [2.0] * 8}
    network = networks.sensor_spatial(toy.SPATIAL, input_shape(windows), statistics, mode="abs")
    networks.fit_activation(network, resident)
    assert network.activation.std.tolist() == [2.0] * 8


def test_a_modality_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="modalities"):
        networks.required(None)


def test_tensors_of_one_network_are_found_by_its_name():
    tensors = {"video.a": torch.zeros(1), "video_spatial.a": torch.ones(1)}
    assert networks.starting_with(tensors, "video.").keys() == {"a"}
