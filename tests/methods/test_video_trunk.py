"""The baselines' video networks."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from detach_core.encoders.blocks import decomposed_feature
from detach_core.encoders.video_networks import SpatialCnn2d, TemporalCnn3d
from detach_core.foundation.errors import UserError
from detach_core.methods.batch import FRAMES, MEAN_FRAME, MOTION, build_video, refuse_weights
from detach_core.methods.registry import build_method
from detach_core.settings.shared import VideoStartSettings
from detach_core.training.batches import input_shape
from detach_core.training.randomness import seed_everything

KINDS = ("decomposed", "frames")


def make(toy, network="decomposed", init="scratch"):
    torch.manual_seed(0)
    return build_video(toy.SPATIAL.encoders, VideoStartSettings(init=str(init), network=network))


def gather(resident, count=5):
    everything = {FRAMES, MEAN_FRAME, MOTION}
    return resident.gather("pretrain", torch.arange(count), modalities=everything, augment=False)


def backwards(batch):
    """The windows played backwards: frames and steps in reverse, and every change the other way."""
    return replace(batch, frames=batch.frames.flip(2), motion=-batch.motion.flip(2))


def test_the_video_is_decomposed_unless_asked_otherwise():
    assert VideoStartSettings().network == "decomposed"


@pytest.mark.parametrize("network", KINDS)
def test_its_feature_is_as_wide_as_both_halves_of_detach(toy, resident, network):
    trunk = make(toy, network)
    assert trunk(gather(resident)).shape == (5, 2 * toy.DIM) == (5, trunk.dim)


def test_decomposed_it_is_both_of_detachs_networks_side_by_side(toy, resident):
    trunk, batch = make(toy).eval(), gather(resident)
    torch.manual_seed(0)
    spatial, temporal = SpatialCnn2d(dim=toy.DIM, size="small").eval(), TemporalCnn3d(dim=toy.DIM, size="small").eval()
    expected = decomposed_feature(spatial(batch.mean_frame), temporal(batch.motion))
    assert torch.equal(trunk(batch), expected)
    assert list(trunk.networks) == [trunk.spatial, trunk.temporal]


@pytest.mark.parametrize(("network", "least", "most"), [("decomposed", 1e-2, 3.0), ("frames", 0.0, 1e-5)])
def test_a_clip_played_backwards_differs_only_where_the_video_is_decomposed(toy, resident, network, least, most):
    trunk, batch = make(toy, network).eval(), gather(resident)
    with torch.no_grad():
        difference = float(
            (trunk(batch) - trunk(backwards(batch))).norm(dim=1).mean() / trunk(batch).norm(dim=1).mean()
        )
    assert least <= difference <= most


@pytest.mark.parametrize("network", KINDS)
@pytest.mark.parametrize("name", ["imu2clip", "primus", "comodo"])
def test_every_baseline_with_the_trunk_takes_either(toy, windows, resident, name, network):
    seed_everything(0)
    settings = replace(toy.SETTINGS[name], video=VideoStartSettings(network=network))
    method = build_method(name, settings=settings, shape=input_shape(windows)).eval()
    expected = {"decomposed": {MEAN_FRAME, MOTION}, "frames": {FRAMES}}[network]
    assert method.video_modalities == expected
    batch = resident.gather("pretrain", torch.arange(4), modalities=expected, augment=False)
    feature, reverse = (method.embed_video(one).in_shared_space for one in (batch, _reversed(batch)))
    differs = not torch.allclose(feature, reverse, atol=1e-4)
    assert differs == (network == "decomposed")


def _reversed(batch):
    if batch.frames is None:
        return replace(batch, motion=-batch.motion.flip(2))
    return replace(batch, frames=batch.frames.flip(2))


def test_a_bag_of_frames_looks_at_every_frame(toy, resident):
    trunk = make(toy, "frames").eval()
    batch = gather(resident, 2)
    before = trunk(batch)
    for frame in range(batch.frames.shape[2]):
        batch.frames[:, :, frame] = 1.0 - batch.frames[:, :, frame]
        after = trunk(batch)
        assert not torch.allclose(before, after)
        before = after


def test_a_batch_has_the_video_when_it_holds_all_that_the_trunk_looks_at(toy, resident):
    whole, trunk = gather(resident), make(toy)
    assert trunk.has_video(whole)
    assert not trunk.has_video(replace(whole, motion=None))
    assert trunk.has_video(replace(whole, frames=None))


def test_from_scratch_a_bag_of_frames_draws_what_its_network_draws(toy):
    trunk = make(toy, "frames")
    torch.manual_seed(0)
    expected = SpatialCnn2d(dim=trunk.dim, size="small", time_average="features").state_dict()
    assert trunk.video_init == "scratch"
    assert all(torch.equal(value, expected[key]) for key, value in trunk.spatial.state_dict().items())


@pytest.mark.parametrize("network", KINDS)
def test_it_starts_from_another_runs_network_and_is_trained_on(toy, resident, tmp_path, network):
    torch.manual_seed(5)
    other = build_video(toy.SPATIAL.encoders, VideoStartSettings(network=network)).eval()
    state = {f"video.{key}": value.contiguous() for key, value in other.spatial.state_dict().items()}
    save_file(state, tmp_path / "t.safetensors")
    trunk = make(toy, network, tmp_path / "t.safetensors").eval()
    batch = gather(resident, 3)
    seen = batch.mean_frame if network == "decomposed" else batch.frames.transpose(1, 2)
    assert torch.equal(trunk.spatial(seen), other.spatial(seen))
    assert trunk.video_init.startswith("t.safetensors (sha256 ")
    assert "anew" not in trunk.video_init
    assert all(weight.requires_grad for weight in trunk.parameters())


@pytest.mark.parametrize(("saved", "network"), [("frames", "decomposed"), ("decomposed", "frames")])
def test_weights_of_the_other_kind_leave_out_the_layer_of_another_width_and_say_so(
    toy, resident, tmp_path, saved, network
):
    state = build_video(toy.SPATIAL.encoders, VideoStartSettings(network=saved)).spatial.state_dict()
    save_file({key: value.contiguous() for key, value in state.items()}, tmp_path / "t.safetensors")
    trunk = make(toy, network, tmp_path / "t.safetensors")
    assert trunk.video_init.endswith(", projection anew)")
    assert torch.equal(trunk.spatial.scene[0].weight, state["scene.0.weight"])


def test_a_method_without_the_trunk_refuses_a_file_in_one_sentence():
    refuse_weights(VideoStartSettings(), "CAV-MAE")
    with pytest.raises(UserError, match=r"CAV-MAE has a video network of its own that the weights of r\.pth do not"):
        refuse_weights(VideoStartSettings(init="r.pth"), "CAV-MAE")
