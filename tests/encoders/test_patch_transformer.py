"""Transformers over patches, against torch's own layer."""

import pytest
import torch
from torch import nn

from detach_core.encoders.patch_transformer import JointEncoder, PatchEncoder, TransformerLayer
from detach_core.encoders.positions import position_table


def torch_layer(layer, kind):
    """torch's pre-norm layer with the same weights."""
    width = layer.projection.in_features
    twin = nn.TransformerEncoderLayer(
        width, layer.heads, 4 * width, 0.0, activation="gelu", batch_first=True, norm_first=True
    )
    pairs = [
        (twin.self_attn.in_proj_weight, layer.query_key_value.weight),
        (twin.self_attn.in_proj_bias, layer.query_key_value.bias),
        (twin.self_attn.out_proj.weight, layer.projection.weight),
        (twin.self_attn.out_proj.bias, layer.projection.bias),
        (twin.linear1.weight, layer.feed_forward[0].weight),
        (twin.linear1.bias, layer.feed_forward[0].bias),
        (twin.linear2.weight, layer.feed_forward[2].weight),
        (twin.linear2.bias, layer.feed_forward[2].bias),
        (twin.norm1.weight, layer.attention_norm[kind].weight),
        (twin.norm1.bias, layer.attention_norm[kind].bias),
        (twin.norm2.weight, layer.feed_forward_norm[kind].weight),
        (twin.norm2.bias, layer.feed_forward_norm[kind].bias),
    ]
    with torch.no_grad():
        for theirs, ours in pairs:
            theirs.copy_(ours)
    return twin


def disturbed(module):
    """All weights moved off their start, where norms and biases would look alike."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    return module


@pytest.mark.parametrize("kind", ["first", "second"])
def test_it_is_torch_s_pre_norm_layer_with_the_norms_of_its_kind(kind):
    layer = disturbed(TransformerLayer(width=16, heads=4, kinds=["first", "second"]))
    tokens = torch.randn(3, 7, 16)
    torch.testing.assert_close(layer(tokens, kind), torch_layer(layer, kind)(tokens), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("last", [0, 1, 5, 7])
def test_asking_for_the_last_tokens_gives_the_end_of_all(last):
    layer = disturbed(TransformerLayer(width=16, heads=2, kinds=["only"]))
    tokens = torch.randn(3, 7, 16)
    torch.testing.assert_close(layer(tokens, "only", last=last), layer(tokens, "only")[:, 7 - last :])


def test_kinds_share_all_but_their_norms():
    joint = JointEncoder(width=16, heads=4, layers=2, kinds=["joint", "sensor", "video"])
    of_kind = [name for name, _ in joint.named_parameters() if ".sensor." in name or name.startswith("norm.sensor")]
    assert len(of_kind) == 2 * (2 * 2) + 2
    assert all("norm" in name for name in of_kind)
    tokens = torch.randn(2, 5, 16)
    assert torch.equal(joint(tokens, "sensor"), joint(tokens, "video"))
    disturbed(joint)
    assert not torch.allclose(joint(tokens, "sensor"), joint(tokens, "video"))


def test_a_patch_is_known_by_its_place_and_not_by_its_order():
    encoder = disturbed(PatchEncoder(patch_size=6, position=position_table((4, 3), 16), heads=4, layers=2))
    patches, place = torch.randn(2, 5, 6), torch.tensor([[0, 3, 7, 11, 2], [1, 2, 3, 4, 5]])
    order = torch.tensor([4, 2, 0, 1, 3])
    tokens = encoder(patches, place)
    torch.testing.assert_close(encoder(patches[:, order], place[:, order]), tokens[:, order], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(encoder(patches, place.flip(1)), tokens, atol=1e-3)


def test_positions_are_rebuilt_and_not_learned_or_stored():
    encoder = PatchEncoder(patch_size=6, position=position_table((4, 3), 16), heads=4, layers=1)
    assert not any("position" in name for name in encoder.state_dict())
    assert not encoder.position.requires_grad


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="heads must divide the width"):
        TransformerLayer(width=16, heads=3, kinds=["only"])
