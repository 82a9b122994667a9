"""A stand-in for torchvision: networks of its names, keys and widths in small, without its import."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from detach_core.encoders import video_weights


@pytest.fixture(autouse=True)
def seeded(one_seeded_thread):
    """The shared fixture, for every test of the encoders."""


class ResNet(nn.Module):
    """The feature is 512 wide; `deep` blocks have a third convolution, and the feature is 2048 wide."""

    def __init__(self, *, deep):
        super().__init__()
        width = 2048 if deep else 512
        self.conv1 = nn.Conv2d(3, 4, 7, stride=16, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        block = nn.Module()
        block.conv1 = nn.Conv2d(4, width, 3, bias=False)
        if deep:
            block.conv3 = nn.Conv2d(width, width, 1, bias=False, groups=width)
        self.layer1 = nn.Sequential(block)
        self.fc = nn.Linear(width, 1000)

    def forward(self, frames):
        assert frames.shape[1:] == (3, 224, 224)
        features = self.layer1.get_submodule("0.conv1")(self.bn1(self.conv1(frames)))
        return self.fc(features.mean(dim=(2, 3)))


class VisionTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.class_token = nn.Parameter(torch.zeros(1, 1, 768))
        self.encoder = nn.Module()
        self.encoder.pos_embedding = nn.Parameter(torch.zeros(1, 50, 768))
        layer = nn.Module()
        layer.mlp = nn.Sequential(nn.Linear(768, 8), nn.GELU(), nn.Dropout(), nn.Linear(8, 768))
        self.encoder.layers = nn.ModuleDict({"encoder_layer_0": layer})
        self.heads = nn.Sequential()
        self.heads.add_module("head", nn.Linear(768, 1000))


MODELS = {
    "resnet18": lambda: ResNet(deep=False),
    "resnet50": lambda: ResNet(deep=True),
    "vit_b_32": VisionTransformer,
}


@pytest.fixture
def models(monkeypatch):
    """Network -> a new one, as the user's state dict would be made."""
    stand_in = {name: lambda weights, make=make: make() for name, make in MODELS.items()}
    torchvision = SimpleNamespace(models=SimpleNamespace(**stand_in))
    monkeypatch.setattr(video_weights, "import_torchvision", lambda: torchvision)
    return MODELS
