import pytest
import torch
from safetensors.torch import save_file

from detach_core.encoders.video.backbone import BackboneTrunk
from detach_core.encoders.video.spatial_cnn2d import SpatialCnn2d
from detach_core.encoders.video.start import build_trunk, described_start, without_path
from detach_core.foundation.errors import BadInputError
from detach_core.settings.shared import VideoStartSettings

FROM_SCRATCH = VideoStartSettings()


@pytest.fixture
def trunk():
    return SpatialCnn2d(dim=16, size="small", time_average="features").eval()


@pytest.fixture
def path(tmp_path, trunk):
    save_file(
        {f"video.{key}": value.contiguous() for key, value in trunk.state_dict().items()}, tmp_path / "t.safetensors"
    )
    return tmp_path / "t.safetensors"


def build(video, dim=16, average="features"):
    return build_trunk(video, dim=dim, size="small", time_average=average)


def test_from_scratch_the_same_numbers_are_drawn_as_by_the_trunk_itself(trunk):
    torch.manual_seed(3)
    expected = SpatialCnn2d(dim=16, size="small", time_average="features").state_dict()
    torch.manual_seed(3)
    network, words = build(FROM_SCRATCH)
    assert words == "scratch"
    assert described_start(FROM_SCRATCH, size="small") == FROM_SCRATCH
    assert all(torch.equal(value, expected[key]) for key, value in network.state_dict().items())


def test_a_trunk_of_the_same_width_gives_the_same_features(trunk, path):
    network, words = build(VideoStartSettings(init=str(path)))
    frames = torch.rand(2, 3, 3, 24, 32)
    torch.testing.assert_close(network.eval()(frames), trunk(frames), rtol=0, atol=0)
    assert words.startswith("t.safetensors (sha256 ")
    assert str(path.parent) not in words


def test_a_trunk_of_another_width_gives_all_but_its_last_layer_and_says_so(trunk, path):
    network, words = build(VideoStartSettings(init=str(path)), dim=8, average="pixels")
    given, state = trunk.state_dict(), network.state_dict()
    same = {key for key in state if state[key].shape == given[key].shape and torch.equal(state[key], given[key])}
    assert set(state) - same == {key for key in state if key.startswith("projection.")}
    assert words.endswith(", projection anew)")
    assert network.eval()(torch.rand(1, 3, 24, 32)).shape == (1, 8)


def test_a_backbone_starts_from_its_weights(models, tmp_path):
    made = models["resnet18"]()
    torch.save(made.state_dict(), tmp_path / "r.pth")
    network, words = build(VideoStartSettings(init=str(tmp_path / "r.pth")))
    assert isinstance(network, BackboneTrunk)
    state = network.backbone.state_dict()
    assert state
    assert all(torch.equal(value, made.state_dict()[key]) for key, value in state.items())
    assert words.startswith("r.pth (sha256 ")
    assert "anew" not in words


@pytest.mark.parametrize("kind", ["trunk", "resnet18"])
def test_what_a_checkpoint_keeps_rebuilds_the_network_and_its_words_without_the_file(models, path, tmp_path, kind):
    if kind != "trunk":
        path = tmp_path / "r.pt"
        torch.save(models[kind]().state_dict(), path)
    described = described_start(VideoStartSettings(init=str(path)), size="small")
    first, words = build(described)
    kept = without_path(described)
    assert str(path.parent) not in str(kept)
    path.unlink()
    again, same_words = build(kept)
    assert type(again) is type(first)
    assert same_words == words
    again.load_state_dict(first.state_dict())
    assert described_start(kept, size="small") == kept


def test_a_described_section_loads_the_weights_like_the_plain_one(trunk, path):
    network, _ = build(described_start(VideoStartSettings(init=str(path)), size="small"))
    assert all(torch.equal(value, trunk.state_dict()[key]) for key, value in network.state_dict().items())


def test_a_refused_file_is_refused_at_once_and_again_when_it_is_gone(path):
    described = described_start(VideoStartSettings(init=str(path)), size="small")
    path.unlink()
    for video in (described, VideoStartSettings(init=str(path))):
        with pytest.raises(BadInputError, match="found nothing, expected a weight file"):
            build(video)
    with pytest.raises(BadInputError, match="found nothing"):
        described_start(VideoStartSettings(init=str(path)), size="small")
