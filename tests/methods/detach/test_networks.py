from dataclasses import replace

import pytest
import torch

from detach_core.encoders.video_networks import SpatialCnn2d
from detach_core.methods import batch as batches
from detach_core.methods.batch import SENSOR, calibrate_batch_norm, sensor_batches
from detach_core.methods.detach import networks
from detach_core.methods.detach.networks import ClusterHead, SpatialVideo
from detach_core.methods.detach.settings import SpatialSettings
from detach_core.settings.shared import EncoderSettings, VideoStartSettings
from detach_core.training.batches import input_shape


@pytest.fixture
def network(toy, windows):
    torch.manual_seed(0)
    return networks.sensor_spatial(toy.SPATIAL, input_shape(windows), None, mode="abs")


def test_batch_norm_gets_the_statistics_of_all_windows(network, resident):
    norm = next(module for module in network.modules() if isinstance(module, torch.nn.BatchNorm1d))
    seen = []
    norm.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach()))
    calibrate_batch_norm(network, sensor_batches(resident))
    everything = torch.cat(seen)
    torch.testing.assert_close(norm.running_mean, everything.mean(dim=(0, 2)), atol=1e-4, rtol=1e-3)
    assert not network.training
    assert norm.momentum == 0.1


def test_clean_features_know_no_augmentation_and_leave_the_mode_and_the_statistics(
    network, windows, split, make_resident, toy
):
    augmented = make_resident(windows, split, augmentation=toy.AUGMENTATION)
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
    value = network.activation(batches.all_sensors(resident))
    torch.testing.assert_close(value.mean(dim=0), torch.zeros(8), atol=1e-4, rtol=0)
    torch.testing.assert_close(value.std(dim=0, correction=0), torch.ones(8), atol=1e-4, rtol=0)


def test_the_splits_statistics_stay(toy, windows, resident):
    statistics = {"mean": [0.5] * 8, "std": [2.0] * 8}
    network = networks.sensor_spatial(toy.SPATIAL, input_shape(windows), statistics, mode="abs")
    networks.fit_activation(network, resident)
    assert network.activation.std.tolist() == [2.0] * 8


def test_a_modality_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="modalities"):
        batches.required(None)


def test_tensors_of_one_network_are_found_by_its_name():
    tensors = {"video.a": torch.zeros(1), "video_spatial.a": torch.ones(1)}
    assert batches.starting_with(tensors, "video.").keys() == {"a"}


@pytest.mark.parametrize("average", ["pixels", "features"])
def test_it_looks_at_what_it_averages(toy, resident, average):
    video = SpatialVideo(replace(toy.SPATIAL, video_time_average=average)).eval()
    assert video.modality == {"pixels": "mean_frame", "features": "frames"}[average]
    batch = resident.gather("pretrain", torch.arange(3), modalities={video.modality}, augment=False)
    assert video.feature(batch).shape == (3, 32)
    assert video(batch).shape == (3, 4)


def test_a_batch_without_its_modality_is_refused(toy, resident):
    batch = resident.gather("pretrain", torch.arange(3), modalities={"sensor"}, augment=False)
    with pytest.raises(ValueError, match="modalities"):
        SpatialVideo(toy.SPATIAL)(batch)


def test_all_windows_are_asked_in_order_without_gradient(toy, resident):
    video = SpatialVideo(toy.SPATIAL).eval()
    logits = video.logits_of_all(resident)
    batch = resident.gather("pretrain", torch.tensor([40]), modalities={"mean_frame"}, augment=False)
    assert logits.shape == (72, 4)
    assert not logits.requires_grad
    torch.testing.assert_close(logits[40], video(batch)[0].detach(), atol=1e-5, rtol=1e-4)


def test_it_starts_from_a_weight_file_whatever_it_averages(toy, tmp_path):
    state = SpatialCnn2d(dim=32, size="small").state_dict()
    torch.save(state, tmp_path / "t.pt")
    start = VideoStartSettings(init=str(tmp_path / "t.pt"))
    assert SpatialVideo(toy.SPATIAL).video_init == "scratch"
    for average in ("pixels", "features"):
        video = SpatialVideo(replace(toy.SPATIAL, video=start, video_time_average=average))
        assert video.video_init.startswith("t.pt (sha256 ")
        assert all(torch.equal(value, state[key]) for key, value in video.encoder.state_dict().items())


def make(kind):
    torch.manual_seed(0)
    return ClusterHead(SpatialSettings(encoders=EncoderSettings(dim=4), clusters=3, cluster_head=kind))


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
