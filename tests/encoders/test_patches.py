"""Spectrograms, pictures cut into patches, and the Transformers over them."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
import torch
from torch import nn

from detach_core.encoders import patches
from detach_core.encoders.patches import (
    JointEncoder,
    LogSpectrogram,
    PatchDecoder,
    PatchEncoder,
    PatchGrid,
    TransformerLayer,
    draw_mask,
    num_visible,
    position_table,
    take,
)

SENSOR = [(6, 16, 2, (4, 8)), (34, 16, 5, (4, 4)), (37, 20, 20, (4, 1))]

FRAMES = [
    (48, 64, 8, (6, 8)),
    (48, 64, 16, (3, 4)),
    (96, 128, 8, (12, 16)),
    (96, 128, 16, (6, 8)),
    (51, 67, 16, (4, 5)),
]


def transform_by_hand(wave, samples, hop):
    """Hann-windowed transforms (bands, frames) of one centred wave that is mirrored at its ends, in float64 loops."""
    mean, half, count = sum(wave) / len(wave), samples // 2, len(wave)
    mirrored = [abs(place) if place < count else 2 * (count - 1) - place for place in range(-half, count + half)]
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * n / samples) for n in range(samples)]
    scale = math.sqrt(sum(value**2 for value in hann))
    return [
        [
            sum(
                hann[n] * (wave[mirrored[frame * hop + n]] - mean) * cmath.exp(-2j * math.pi * band * n / samples)
                for n in range(samples)
            )
            / scale
            for frame in range(count // hop)
        ]
        for band in range(half)
    ]


def test_the_spectrogram_is_its_formula_written_out():
    sensor = torch.randn(5, 2, 24, dtype=torch.float64) * torch.tensor([[[0.3], [5.0]]])
    spectrogram = LogSpectrogram(channels=2, length=24, samples=8, hop=4).double()
    spectrogram.fit(sensor, noise=0.1)
    found = spectrogram(sensor)
    assert found.shape == (5, 2, 4, 6)
    for channel in range(2):
        waves = [transform_by_hand(wave, 8, 4) for wave in sensor[:, channel].tolist()]
        power = [[sum(abs(z) ** 2 for z in line) / 6 for line in wave] for wave in waves]
        quiet = sorted(range(5), key=lambda window: sum(power[window]))[:3]
        levels = []
        for band in range(4):
            floor = 4.0 * (sum(power[window][band] for window in quiet) / 3 + 0.1**2)
            level = np.array([[math.log1p(abs(z) ** 2 / floor) for z in wave[band]] for wave in waves])
            signs = np.array([[math.copysign(1.0, z.real) for z in wave[band]] for wave in waves])
            levels.append(level * signs if band == 0 else level)
        centred = [level - level.sum() / level.size for level in levels]
        deviation = math.sqrt(sum(float((level**2).sum()) / level.size for level in centred) / 4)
        for band, level in enumerate(centred):
            assert found[:, channel, band].numpy() == pytest.approx(level / deviation, rel=1e-6, abs=1e-6)


def test_many_windows_are_transformed_part_by_part_to_the_same_levels(monkeypatch):
    sensor = torch.randn(700, 2, 24)
    transformed, whole = [], LogSpectrogram(channels=2, length=24, samples=8, hop=4)
    monkeypatch.setattr(patches, "FITTED_AT_ONCE", len(sensor))
    whole.fit(sensor, noise=0.1)
    monkeypatch.undo()
    again, transform = LogSpectrogram(channels=2, length=24, samples=8, hop=4), LogSpectrogram._transform

    def counted(part: torch.Tensor) -> torch.Tensor:
        transformed.append(len(part))
        return transform(again, part)

    monkeypatch.setattr(again, "_transform", counted)
    again.fit(sensor, noise=0.1)
    assert max(transformed) == patches.FITTED_AT_ONCE < sum(transformed)
    for name, value in whole.named_buffers():
        torch.testing.assert_close(again.get_buffer(name), value)


def test_rest_is_near_the_level_of_rest_and_a_movement_stands_out():
    draws = torch.Generator().manual_seed(0)
    sensor = 0.5 * torch.randn(64, 2, 60, generator=draws)
    sensor[:, 1] = 0.0
    sensor[:8, 0] += 3.0 * torch.randn(8, 60, generator=draws)
    sensor[:8, 1, 30:] = 2.0
    spectrogram = LogSpectrogram(channels=2, length=60, samples=16, hop=4)
    spectrogram.fit(sensor, noise=0.05)
    moving, resting = (spectrogram(part)[:, :, 1:].mean(dim=(2, 3)) for part in (sensor[:8], sensor[8:]))
    assert float((moving.min(dim=0).values - resting.max(dim=0).values).min()) > 0.0
    # Noise of the augmentation leaves a switch at rest far from where a movement takes it.
    jittered = sensor.clone()
    jittered[8:, 1] += 0.05 * torch.randn(56, 60, generator=draws)
    rest = spectrogram(sensor[8:])[0, 1]
    noise, movement = (spectrogram(jittered)[:, 1] - rest).abs().split((8, 56))[::-1]
    assert float(noise.mean()) < 0.2 * float(movement.amax(dim=(1, 2)).mean())


def test_opening_and_closing_differ_by_the_sign_of_the_lowest_band_alone():
    step = (torch.arange(64) >= 30).float().expand(1, 1, 64)
    spectrogram = LogSpectrogram(channels=1, length=64, samples=16, hop=4)
    opening, closing = spectrogram(step), spectrogram(-step)
    torch.testing.assert_close(opening[:, :, 0], -closing[:, :, 0])
    torch.testing.assert_close(opening[:, :, 1:], closing[:, :, 1:])
    assert float(opening[0, 0, 0, 0]) < 0.0 < float(opening[0, 0, 0, -1])


def test_a_channel_that_never_moves_is_zero_throughout():
    sensor = torch.full((7, 3, 32), 4.0)
    spectrogram = LogSpectrogram(channels=3, length=32, samples=16, hop=8)
    spectrogram.fit(sensor, noise=1e-3)
    assert torch.equal(spectrogram(sensor), torch.zeros(7, 3, 8, 4))


@pytest.mark.parametrize(("samples", "hop"), [(1, 1), (33, 8), (16, 0), (16, 17)])
def test_transforms_that_do_not_fit_a_window_are_refused(samples, hop):
    with pytest.raises(ValueError, match="transforms of 2 to 32 samples"):
        LogSpectrogram(channels=1, length=32, samples=samples, hop=hop)


@pytest.mark.parametrize(("channels", "frames", "patch", "shape"), SENSOR)
def test_a_patch_of_a_spectrogram_has_all_channels(channels, frames, patch, shape):
    grid = PatchGrid(channels, 8, frames, 2, patch)
    assert grid.shape == shape
    picture = torch.randn(2, channels, 8, frames)
    patches = grid.cut(picture)
    assert patches.shape == (2, grid.num_patches, channels * 2 * patch)
    assert torch.equal(patches[:, shape[1]].unflatten(1, (channels, 2, patch)), picture[:, :, 2:4, :patch])


@pytest.mark.parametrize(("height", "width", "side", "shape"), FRAMES)
def test_each_patch_holds_its_own_part_of_the_picture_and_zeros(height, width, side, shape):
    grid = PatchGrid(3, height, width, side, side)
    assert grid.shape == shape
    picture = torch.rand(2, 3, height, width) + 1.0
    patches, real = grid.cut(picture), grid.real()
    for row in range(shape[0]):
        for column in range(shape[1]):
            part = picture[:, :, row * side : (row + 1) * side, column * side : (column + 1) * side]
            expected = torch.zeros(2, 3, side, side)
            expected[:, :, : part.shape[2], : part.shape[3]] = part
            index = row * shape[1] + column
            assert torch.equal(patches[:, index], expected.flatten(1))
            assert torch.equal(real[index], expected[0].flatten() > 0)


def test_all_numbers_of_the_picture_are_real_and_no_filling():
    assert int(PatchGrid(3, 51, 67, 16, 16).real().sum()) == 3 * 51 * 67
    assert bool(PatchGrid(3, 48, 64, 16, 16).real().all())


def test_pictures_of_another_size_are_refused():
    with pytest.raises(ValueError, match="expected pictures"):
        PatchGrid(3, 48, 64, 8, 8).cut(torch.zeros(2, 3, 48, 65))


def test_a_grid_without_patches_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        PatchGrid(3, 48, 64, 8, 0)


def oracle(grid, width):
    """Sines, then cosines, of each axis, spelled out."""
    sizes = grid if len(grid) == 2 else (1, *grid)
    part = width // len(grid)
    rows = []
    for row in range(sizes[0]):
        for column in range(sizes[1]):
            line = []
            for place in (row, column)[-len(grid) :]:
                rates = [1.0 / 10000.0 ** (index / (part / 2)) for index in range(part // 2)]
                line += [math.sin(place * rate) for rate in rates] + [math.cos(place * rate) for rate in rates]
            rows.append(line)
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize(
    "grid", [(1,), (7,), (400,), (1, 1), (7, 8), (6, 8), (8, 8), (5, 3), (1, 9), (14, 14)], ids=str
)
@pytest.mark.parametrize("width", [4, 16, 96])
def test_it_equals_a_loop_for_any_size(grid, width):
    table = position_table(grid, width)
    assert table.dtype == torch.float32
    torch.testing.assert_close(table.double(), oracle(grid, width), atol=1e-6, rtol=0)


def test_every_place_is_its_own():
    table = position_table((16, 20), 32)
    apart = torch.cdist(table, table).fill_diagonal_(torch.inf)
    assert float(apart.min()) > 0.05


@pytest.mark.parametrize("grid", [(), (0,), (3, 0)], ids=str)
def test_an_empty_grid_is_refused(grid):
    with pytest.raises(ValueError, match="at least one cell"):
        position_table(grid, 16)


@pytest.mark.parametrize(("grid", "width"), [((3,), 7), ((3, 3), 6), ((3,), 0)])
def test_a_width_that_cannot_be_shared_out_is_refused(grid, width):
    with pytest.raises(ValueError, match="width must be a multiple of"):
        position_table(grid, width)


def draw(batch=50, count=56, masked=0.75, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return draw_mask(batch, count, masked, generator=generator, device=torch.device("cpu"))


@pytest.mark.parametrize(
    ("count", "masked", "visible"),
    [
        (56, 0.75, 14),
        (48, 0.75, 12),
        (64, 0.75, 16),
        (35, 0.75, 8),
        (10, 0.9, 1),
        (7, 0.9, 1),
        (1, 0.75, 1),
        (9, 0.0, 9),
    ],
)
def test_every_window_shows_exactly_the_same_number(count, masked, visible):
    assert num_visible(count, masked) == visible
    mask = draw(count=count, masked=masked)
    assert mask.visible.shape == (50, visible)
    assert mask.hidden.shape == (50, count - visible)
    both = torch.cat([mask.visible, mask.hidden], dim=1).sort(dim=1).values
    assert torch.equal(both, torch.arange(count).expand(50, -1))


def test_windows_hide_different_patches_and_each_patch_as_often():
    mask = draw(batch=4000, count=8)
    often = torch.bincount(mask.visible.flatten(), minlength=8) / 4000
    assert float((often - 0.25).abs().max()) < 0.03


def test_equal_seeds_hide_the_same():
    assert torch.equal(draw().visible, draw().visible)
    assert not torch.equal(draw().visible, draw(seed=1).visible)


def test_rows_are_taken_window_by_window():
    tokens, index = torch.randn(3, 5, 4), torch.tensor([[4, 0], [1, 1], [2, 3]])
    expected = torch.stack([tokens[window, index[window]] for window in range(3)])
    assert torch.equal(take(tokens, index), expected)


@pytest.mark.parametrize(("count", "masked"), [(0, 0.5), (5, 1.0), (5, -0.1)])
def test_nothing_to_show_is_refused(count, masked):
    with pytest.raises(ValueError, match="masked must be"):
        num_visible(count, masked)


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
