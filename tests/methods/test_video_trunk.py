"""The baselines' video trunk."""

import pytest
import torch
from safetensors.torch import save_file

from detach_core.encoders.video_networks import SpatialCnn2d
from detach_core.foundation.errors import UserError
from detach_core.methods.batch import FRAMES, VideoTrunk, refuse_weights
from detach_core.settings.shared import VideoStartSettings


def make(toy, init="scratch"):
    torch.manual_seed(0)
    return VideoTrunk(toy.SPATIAL.encoders, VideoStartSettings(init=str(init)))


def test_its_feature_is_as_wide_as_both_halves_of_detach(toy, resident):
    trunk = make(toy)
    batch = resident.gather("pretrain", torch.arange(5), modalities={FRAMES}, augment=False)
    assert trunk(batch).shape == (5, 2 * toy.DIM)


def test_it_looks_at_every_frame(toy, resident):
    trunk = make(toy).eval()
    batch = resident.gather("pretrain", torch.arange(2), modalities={FRAMES}, augment=False)
    before = trunk(batch)
    for frame in range(batch.frames.shape[2]):
        batch.frames[:, :, frame] = 1.0 - batch.frames[:, :, frame]
        after = trunk(batch)
        assert not torch.allclose(before, after)
        before = after


def test_the_order_of_the_frames_does_not_matter(toy, resident):
    trunk = make(toy).eval()
    batch = resident.gather("pretrain", torch.arange(2), modalities={FRAMES}, augment=False)
    before = trunk(batch)
    batch.frames.copy_(batch.frames.flip(2))
    torch.testing.assert_close(trunk(batch), before)


def test_from_scratch_it_draws_what_the_trunk_draws(toy):
    trunk = make(toy)
    torch.manual_seed(0)
    expected = SpatialCnn2d(dim=trunk.dim, size="small", time_average="features").state_dict()
    assert trunk.video_init == "scratch"
    assert all(torch.equal(value, expected[key]) for key, value in trunk.encoder.state_dict().items())


def test_it_starts_from_another_runs_trunk_and_is_trained_on(toy, resident, tmp_path):
    torch.manual_seed(5)
    other = VideoTrunk(toy.SPATIAL.encoders, VideoStartSettings()).eval()
    save_file(
        {f"video.{key}": value.contiguous() for key, value in other.state_dict().items()}, tmp_path / "t.safetensors"
    )
    trunk = make(toy, tmp_path / "t.safetensors").eval()
    batch = resident.gather("pretrain", torch.arange(3), modalities={FRAMES}, augment=False)
    assert torch.equal(trunk(batch), other(batch))
    assert trunk.video_init.startswith("t.safetensors (sha256 ")
    assert all(weight.requires_grad for weight in trunk.parameters())


def test_a_method_without_the_trunk_refuses_a_file_in_one_sentence():
    refuse_weights(VideoStartSettings(), "CAV-MAE")
    with pytest.raises(UserError, match=r"CAV-MAE has a video network of its own that the weights of r\.pth do not"):
        refuse_weights(VideoStartSettings(init="r.pth"), "CAV-MAE")
