"""From visible tokens to hidden patches."""

import pytest
import torch

from detach_core.encoders.patch_decoder import PatchDecoder
from detach_core.encoders.positions import position_table


@pytest.fixture
def decoder():
    positions = {"sensor": position_table((7, 8), 16), "video": position_table((6, 8), 16)}
    decoder = PatchDecoder(
        encoder_width=32, heads=2, layers=2, positions=positions, patch_sizes={"sensor": 80, "video": 192}
    )
    with torch.no_grad():
        for weight in decoder.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    return decoder


@pytest.fixture
def places():
    order = {name: torch.rand(3, count).argsort(dim=1) for name, count in (("sensor", 56), ("video", 48))}
    visible = {name: index[:, : index.shape[1] // 4] for name, index in order.items()}
    hidden = {name: index[:, index.shape[1] // 4 :] for name, index in order.items()}
    return visible, hidden


def test_each_hidden_patch_of_each_modality_is_predicted(decoder, places):
    found = decoder(torch.randn(3, 26, 32), visible=places[0], hidden=places[1])
    assert {name: part.shape for name, part in found.items()} == {"sensor": (3, 42, 80), "video": (3, 36, 192)}


def test_predictions_follow_their_places(decoder, places):
    visible, hidden = places
    tokens = torch.randn(3, 26, 32)
    found = decoder(tokens, visible=visible, hidden=hidden)
    turned = decoder(tokens, visible=visible, hidden={name: index.flip(1) for name, index in hidden.items()})
    for name, part in found.items():
        torch.testing.assert_close(turned[name].flip(1), part, atol=1e-4, rtol=1e-4)
        assert float(part.detach().diff(dim=1).abs().max()) > 1e-3


def test_each_modality_is_predicted_from_the_other_s_tokens_too(decoder, places):
    visible, hidden = places
    tokens = torch.randn(3, 26, 32)
    changed = tokens.clone()
    changed[:, 14:] += 1.0
    first, second = (decoder(value, visible=visible, hidden=hidden) for value in (tokens, changed))
    assert float((first["sensor"] - second["sensor"]).detach().abs().max()) > 1e-3


def test_all_its_weights_get_a_gradient(decoder, places):
    found = decoder(torch.randn(3, 26, 32), visible=places[0], hidden=places[1])
    sum(part.square().sum() for part in found.values()).backward()
    assert all(float(weight.grad.abs().sum()) > 0 for weight in decoder.parameters())
    assert not any("position" in name for name in decoder.state_dict())
