from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from detach_core.encoders.video_networks import SpatialCnn2d, TemporalCnn3d
from detach_core.evaluation.activation_maps import PICTURES, cell_centres, map_networks
from detach_core.foundation.errors import UserError
from detach_core.methods.registry import build_method
from detach_core.training.batches import input_shape


@pytest.fixture
def build(toy, windows):
    def make(name, **changes):
        torch.manual_seed(0)
        return build_method(name, settings=replace(toy.SETTINGS[name], **changes), shape=input_shape(windows)).eval()

    return make


@pytest.fixture
def batch(resident):
    return resident.gather("pretrain", torch.arange(5), modalities=PICTURES, augment=False)


def most_sensitive_pixels(layers, shape, axis):
    """For each cell along `axis`, the middle of the pixels that reach it, by gradients; borders are left out."""
    picture = torch.zeros(1, 1, *shape, requires_grad=True)
    cells = layers(picture)
    middles = []
    for cell in range(cells.shape[axis]):
        (gradient,) = torch.autograd.grad(cells.select(axis, cell).sum(), picture, retain_graph=True)
        (reached,) = np.nonzero(gradient[0, 0].movedim(axis, 0).flatten(1).abs().sum(dim=1).numpy())
        middles.append((reached.min() + reached.max()) / 2.0)
    return middles


@pytest.mark.parametrize("axis", [-1, -2])
def test_cells_lie_in_the_middle_of_the_pixels_that_reach_them(axis):
    layers = nn.Sequential(
        nn.Conv2d(1, 1, (4, 2), stride=(4, 2), bias=False), nn.ReLU(), nn.Conv2d(1, 1, 3, stride=2, padding=1)
    )
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.ones_(layer.weight)
    layers[1] = nn.Identity()
    measured = most_sensitive_pixels(layers, (64, 40), axis)
    found = cell_centres(layers, len(measured), axis=axis)
    np.testing.assert_allclose(found[1:-1], measured[1:-1])


@pytest.mark.parametrize(
    ("encoder", "axis", "expected"),
    [
        (SpatialCnn2d(dim=8, size="small"), -1, [1.5, 17.5, 33.5]),
        (SpatialCnn2d(dim=8, size="paper"), -2, [0.0, 16.0, 32.0]),
        (TemporalCnn3d(dim=8, size="small"), -3, [-0.5, 1.5, 3.5]),
        (TemporalCnn3d(dim=8, size="small"), -1, [1.5, 17.5, 33.5]),
        (TemporalCnn3d(dim=8, size="paper"), -3, [0.0, 1.0, 2.0]),
    ],
)
def test_cells_of_our_networks_lie_where_their_strides_put_them(encoder, axis, expected):
    np.testing.assert_allclose(cell_centres(encoder.convolutions, 3, axis=axis), expected)


@pytest.mark.parametrize("baseline", ["primus", "imu2clip"])
def test_maps_are_the_channel_means_of_what_each_network_sees(build, batch, baseline):
    detach, other = build("detach"), build(baseline)
    maps = {name: network.maps(batch) for name, network in map_networks(detach, other).items()}
    with torch.no_grad():
        expected = {
            "baseline": other.video.spatial.feature_map(batch.mean_frame).mean(dim=1)[:, None],
            "spatial": detach.video_spatial.encoder.feature_map(batch.mean_frame).mean(dim=1)[:, None],
            "temporal": detach.video_temporal.feature_map(batch.motion).mean(dim=1),
        }
    assert maps.keys() == expected.keys()
    for name, cells in expected.items():
        np.testing.assert_allclose(maps[name].cells, cells.numpy(), rtol=1e-5, atol=1e-7)
        assert maps[name].cells.dtype == np.float32
        assert maps[name].cells.shape[2:] == (len(maps[name].rows_px), len(maps[name].columns_px))
        assert len(maps[name].span) == maps[name].cells.shape[1]


def test_the_temporal_map_sees_no_flow_where_the_method_sees_none(build, batch):
    other = build("primus")
    with_flow, without = (
        map_networks(build("detach", flow=flow), other)["temporal"].maps(batch) for flow in (True, False)
    )
    assert np.abs(with_flow.cells - without.cells).max() > 1e-6
    motion = batch.motion.clone()
    motion[:, -2:] = 0.0
    with torch.no_grad():
        expected = build("detach").video_temporal.feature_map(motion).mean(dim=1)
    np.testing.assert_allclose(without.cells, expected.numpy(), rtol=1e-5, atol=1e-7)


def test_steps_of_the_temporal_map_share_all_steps_between_frames(build, batch):
    maps = {name: network.maps(batch) for name, network in map_networks(build("detach"), build("primus")).items()}
    assert maps["spatial"].span.tolist() == [[0, 9]]
    assert maps["temporal"].span.tolist() == [[0, 1], [1, 3], [3, 5], [5, 7], [7, 9]]


def test_nothing_is_left_hooked_to_the_networks(build, batch):
    detach = build("detach")
    map_networks(detach, build("primus"))["temporal"].maps(batch)
    assert not detach.video_temporal._forward_pre_hooks


def test_methods_without_such_networks_are_refused(build):
    with pytest.raises(UserError, match="method detach, got Primus"):
        map_networks(build("primus"), build("primus"))
    with pytest.raises(UserError, match=r"primus or imu2clip.*got Statistics"):
        map_networks(build("detach"), build("statistics"))


def test_another_trunk_than_the_shared_one_is_refused(build):
    other = build("primus")
    other.video.spatial = nn.Identity()
    with pytest.raises(UserError, match=r"shared video trunk.*Identity.*video\.init"):
        map_networks(build("detach"), other)
