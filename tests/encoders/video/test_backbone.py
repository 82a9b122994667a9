import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch

from detach_core.encoders.video import backbone
from detach_core.encoders.video.backbone import BackboneTrunk
from detach_core.foundation.errors import UserError

REAL = """
import sys, torch
from safetensors.torch import save_file
from detach_core.encoders.video.backbone import BACKBONES, BackboneTrunk, build_backbone
from detach_core.encoders.video.weight_file import read_video_weights
from detach_core.encoders.torchvision_guard import import_torchvision

torch.set_num_threads(1)
models = import_torchvision().models
for network, kind in BACKBONES.items():
    made = getattr(models, network)(weights=None)
    state = {key.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): value
             for key, value in made.state_dict().items() if not key.endswith("num_batches_tracked")}
    path = f"{sys.argv[1]}/{network}.safetensors"
    save_file(state, path)
    weights = read_video_weights(path, size="small")
    assert weights.network == network, weights.network
    assert set(weights.tensors) <= set(build_backbone(network).state_dict())
    trunk = BackboneTrunk(network, dim=16, time_average="features").eval()
    trunk.backbone.load_state_dict(trunk.backbone.state_dict() | weights.tensors)
    frames = torch.rand(1, 2, 3, 48, 64)
    assert trunk(frames).shape == (1, 16)
    trunk.projection, made = torch.nn.Identity(), made.eval()
    setattr(made, kind.classifier, torch.nn.Identity())
    pictures = torch.nn.functional.interpolate(frames[0], (224, 224), mode="bilinear", antialias=True)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        expected = made((pictures - mean[:, None, None]) / std[:, None, None])
        assert expected.shape == (2, kind.width)
        torch.testing.assert_close(trunk(frames)[0], expected.mean(0), atol=1e-4, rtol=1e-4)
try:
    state = models.resnet34(weights=None).state_dict()
    save_file(state, path)
    read_video_weights(path, size="small")
except Exception as error:
    assert "layer1.2." in str(error) and "the 120 keys of torchvision's ResNet-18 and no others" in str(error), error
else:
    raise SystemExit("a ResNet-34 was taken for a ResNet-18")
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision is not installed")
def test_the_networks_of_torchvision_itself_are_told_loaded_and_give_their_features(tmp_path):
    subprocess.run([sys.executable, "-W", "error", "-c", REAL, str(tmp_path)], check=True, timeout=120)


@pytest.mark.parametrize("network", ["resnet18", "resnet50"])
def test_features_of_frames_are_averaged_before_the_layer(models, network):
    trunk = BackboneTrunk(network, dim=8, time_average="features").eval()
    single = BackboneTrunk(network, dim=8, time_average="pixels").eval()
    single.load_state_dict(trunk.state_dict())
    frames = torch.rand(2, 3, 3, 24, 32)
    expected = torch.stack([single(frames[:, frame]) for frame in range(3)]).mean(dim=0)
    torch.testing.assert_close(trunk(frames), expected, atol=1e-5, rtol=1e-5)


def test_pictures_are_stretched_whole_and_brought_to_imagenets_range(models):
    trunk = BackboneTrunk("resnet18", dim=4, time_average="pixels").eval()
    seen = []
    trunk.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    frames = torch.zeros(1, 3, 24, 32)
    frames[..., :, :16] = 1.0
    trunk(frames)
    assert seen[0].shape == (1, 3, 224, 224)
    for channel, (mean, std) in enumerate(zip(backbone.MEAN, backbone.STD, strict=True)):
        left, right = seen[0][0, channel, 112, 10], seen[0][0, channel, 112, 213]
        torch.testing.assert_close([float(left), float(right)], [(1 - mean) / std, -mean / std], atol=1e-5, rtol=1e-5)


def test_it_is_tuned_end_to_end_and_its_constants_are_no_weights(models):
    trunk = BackboneTrunk("resnet18", dim=4, time_average="pixels")
    trunk(torch.rand(2, 3, 24, 32)).square().sum().backward()
    named = dict(trunk.named_parameters())
    assert float(named["backbone.conv1.weight"].grad.abs().sum()) > 0
    assert not {"mean", "std"} & set(trunk.state_dict())
    assert not any("fc" in name for name in named)


@pytest.mark.parametrize(("average", "shape"), [("pixels", (1, 2, 3, 24, 32)), ("features", (1, 3, 24, 32))])
def test_another_shape_is_refused(models, average, shape):
    with pytest.raises(ValueError, match=f"time_average '{average}' expects"):
        BackboneTrunk("resnet18", dim=4, time_average=average)(torch.rand(shape))


def test_a_machine_without_torchvision_is_told_what_to_add(monkeypatch):
    def absent():
        raise ModuleNotFoundError("No module named 'torchvision'")

    monkeypatch.setattr(backbone, "import_torchvision", absent)
    with pytest.raises(UserError, match=r"video\.init: ViT-B/32 needs torchvision, which is not installed"):
        backbone.build_backbone("vit_b_32")
