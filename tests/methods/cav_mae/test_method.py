"""Masked reconstruction against its formula in loops."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy, interpolate, normalize

from detach_core.encoders.patches import draw_mask
from detach_core.foundation.errors import UserError
from detach_core.methods.batch import FRAME, FRAMES, SENSOR, InputShape, WindowBatch
from detach_core.methods.cav_mae import method as cav_mae
from detach_core.methods.cav_mae.method import explained_variance, masked_reconstruction
from detach_core.methods.registry import build_method
from detach_core.training.batches import input_shape
from detach_core.training.loop import train
from detach_core.training.randomness import seed_everything


def oracle(prediction, target, real, *, normalise, flat_variance):
    """The formula, number by number."""
    errors = []
    for guess, truth, holds in zip(prediction.flatten(0, 1), target.flatten(0, 1), real.flatten(0, 1), strict=True):
        pairs = [(float(g), float(t)) for g, t, here in zip(guess, truth, holds, strict=True) if here]
        if not pairs:
            continue
        mean = sum(t for _, t in pairs) / len(pairs)
        variance = sum((t - mean) ** 2 for _, t in pairs) / max(len(pairs) - 1, 1)
        if normalise and variance <= flat_variance:
            continue
        scale = math.sqrt(variance + 1e-6)
        wanted = [((t - mean) / scale) if normalise else t for _, t in pairs]
        errors.append(sum((g - w) ** 2 for (g, _), w in zip(pairs, wanted, strict=True)) / len(pairs))
    return sum(errors) / len(errors) if errors else 0.0


@pytest.fixture
def case():
    """Patches with filling, of filling alone, flat ones and nearly flat ones."""
    prediction, target = torch.randn(4, 5, 6, dtype=torch.float64), torch.randn(4, 5, 6, dtype=torch.float64)
    real = torch.ones(4, 5, 6, dtype=torch.bool)
    real[0, :, 4:] = False
    real[1, 2] = False
    real[1, 3, 1:] = False
    target[2, 1] = 7.5
    target[2, 2] = 1.0 + 0.01 * torch.randn(6)
    target = torch.where(real, target, 0.0)
    return prediction, target, real


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("flat_variance", [0.0, 1e-6, 1e-2, 1.0])
def test_it_is_the_formula_written_out(case, normalise, flat_variance):
    found = masked_reconstruction(*case, normalise=normalise, flat_variance=flat_variance)
    expected = oracle(*case, normalise=normalise, flat_variance=flat_variance)
    assert float(found) == pytest.approx(expected, rel=1e-9)


def test_whole_patches_are_normalised_as_torch_s_variance_has_it():
    prediction, target = torch.randn(3, 4, 8), torch.randn(3, 4, 8)
    wanted = (target - target.mean(-1, keepdim=True)) / (target.var(-1, keepdim=True) + 1e-6).sqrt()
    real = torch.ones_like(target, dtype=torch.bool)
    found = masked_reconstruction(prediction, target, real, normalise=True, flat_variance=0.0)
    torch.testing.assert_close(found, (prediction - wanted).square().mean())


@pytest.mark.parametrize("normalise", [True, False])
def test_filling_changes_neither_the_loss_nor_a_gradient(case, normalise):
    prediction, target, real = case
    prediction.requires_grad_()
    other = torch.where(real, target, 99.0)
    losses = [
        masked_reconstruction(prediction, value, real, normalise=normalise, flat_variance=0.0)
        for value in (target, other)
    ]
    assert torch.equal(losses[0], losses[1])
    losses[1].backward()
    assert not bool(prediction.grad[~real].any())
    assert bool(prediction.grad[real].any())


def test_switches_that_do_not_move_are_left_out():
    target = torch.full((2, 3, 8), 12.3)
    target[0, 0, 4:] = -1.0
    prediction = torch.randn(2, 3, 8, requires_grad=True)
    real = torch.ones_like(target, dtype=torch.bool)
    masked_reconstruction(prediction, target, real, normalise=True, flat_variance=1e-6).backward()
    assert bool(prediction.grad[0, 0].any())
    assert not bool(prediction.grad[0, 1:].any())
    assert not bool(prediction.grad[1].any())


@pytest.mark.parametrize("count", [3, 0])
def test_nothing_left_is_zero_and_still_part_of_the_graph(count):
    prediction = torch.randn(2, count, 8, requires_grad=True)
    target = torch.full((2, count, 8), 4.0)
    real = torch.ones_like(target, dtype=torch.bool)
    loss = masked_reconstruction(prediction, target, real, normalise=True, flat_variance=0.0)
    assert float(loss.detach()) == 0.0
    loss.backward()
    assert not bool(prediction.grad.any())


def test_the_target_gets_no_gradient():
    target = torch.randn(2, 3, 8, requires_grad=True)
    prediction = torch.randn(2, 3, 8, requires_grad=True)
    real = torch.ones(2, 3, 8, dtype=torch.bool)
    masked_reconstruction(prediction, target, real, normalise=True, flat_variance=0.0).backward()
    assert target.grad is None


@pytest.mark.parametrize("normalise", [True, False])
def test_explained_variance_is_one_for_the_truth_zero_for_the_mean_and_the_formula_between(case, normalise):
    prediction, target, real = case

    def found(guess):
        return explained_variance(guess, target, real, normalise=normalise, flat_variance=0.1)

    numbers = []
    for guess, truth, holds in zip(*(value.flatten(0, 1) for value in case), strict=True):
        pairs = [(float(g), float(t)) for g, t, here in zip(guess, truth, holds, strict=True) if here]
        mean = sum(t for _, t in pairs) / max(len(pairs), 1)
        variance = sum((t - mean) ** 2 for _, t in pairs) / max(len(pairs) - 1, 1)
        if pairs and not (normalise and variance <= 0.1):
            scale = math.sqrt(variance + 1e-6)
            numbers += [(g, (t - mean) / scale if normalise else t, 1 / len(pairs)) for g, t in pairs]
    weight = sum(w for *_, w in numbers)
    mean = sum(t * w for _, t, w in numbers) / weight
    error, spread = (
        sum((t - g_or_mean) ** 2 * w for t, g_or_mean, w in rows)
        for rows in ([(t, g, w) for g, t, w in numbers], [(t, mean, w) for _, t, w in numbers])
    )
    assert found(prediction) == pytest.approx(1 - error / spread, rel=1e-9)
    assert found(torch.full_like(target, mean)) == pytest.approx(0.0, abs=1e-9)
    if not normalise:
        assert found(target) == 1.0


def test_nothing_is_explained_where_nothing_varies():
    flat = torch.full((2, 3, 8), 4.0)
    real = torch.ones_like(flat, dtype=torch.bool)
    for normalise in (True, False):
        assert explained_variance(torch.randn(2, 3, 8), flat, real, normalise=normalise, flat_variance=0.0) is None


def test_shapes_that_do_not_fit_are_refused(case):
    prediction, target, real = case
    for bad in ((prediction[:1], target, real), (prediction, target, real[:1]), (prediction, target, real.double())):
        with pytest.raises(ValueError, match="one shape"):
            masked_reconstruction(*bad, normalise=True, flat_variance=0.0)
    with pytest.raises(ValueError, match="flat_variance"):
        masked_reconstruction(*case, normalise=True, flat_variance=-1.0)


VIDEO = "video"


# Channels, samples, height, width, side of a frame's patch; patches of the sensor, patches of a frame.
SIZES = [
    (34, 60, 48, 64, 8, 32, 48),
    (6, 100, 48, 64, 8, 32, 48),
    (37, 128, 96, 128, 16, 32, 48),
    (37, 400, 96, 128, 8, 32, 192),
    (6, 60, 96, 128, 16, 32, 48),
    (34, 128, 48, 64, 16, 32, 12),
    (5, 37, 51, 67, 16, 32, 20),
]


@pytest.fixture
def build(toy):
    """Builds the method for windows of a size."""

    def make(channels=34, length=128, height=48, width=64, *, seed=0, **changes):
        shape = InputShape(channels, length, 10, height, width, 30.0, 5.0, 2, "window")
        seed_everything(seed)
        return build_method("cav_mae", settings=replace(toy.SETTINGS["cav_mae"], **changes), shape=shape)

    return make


@pytest.fixture
def masks(monkeypatch):
    """The masks that steps draw: the sensor's, then the video's."""
    drawn = []

    def record(*arguments, **named):
        drawn.append(draw_mask(*arguments, **named))
        return drawn[-1]

    monkeypatch.setattr(cav_mae, "draw_mask", record)
    return drawn


def make_batch(method, count=3):
    shape, draws = method.shape, torch.Generator().manual_seed(1)
    frames = torch.rand(count, 3, shape.frames, shape.height, shape.width, generator=draws)
    return WindowBatch(
        position=torch.arange(count),
        recording=torch.zeros(count, dtype=torch.int64),
        start_s=torch.arange(count, dtype=torch.float64),
        sensor=torch.randn(count, shape.channels, shape.length, generator=draws),
        frames=frames,
        frame=frames[:, :, shape.frames // 2],
    )


def outputs(method, batch):
    """The loss terms and what each network gave on the way: joint tokens by kind."""
    found = {}

    def keep(name):
        def hook(module, inputs, output):
            found[f"joint {inputs[1]}" if name == "joint" else name] = output

        return hook

    hooks = [getattr(method, name).register_forward_hook(keep(name)) for name in ("sensor", VIDEO, "joint", "decoder")]
    terms = method.losses(batch)
    for hook in hooks:
        hook.remove()
    return terms, found


def pixels_of(grid, index):
    """Which pixels (B, height, width) lie in the patches `index` (B, K)."""
    inside = torch.zeros(len(index), grid.height, grid.width, dtype=torch.bool)
    for window, patches in enumerate(index.tolist()):
        for patch in patches:
            row, column = divmod(patch, grid.shape[1])
            top, left = row * grid.patch_height, column * grid.patch_width
            inside[window, top : top + grid.patch_height, left : left + grid.patch_width] = True
    return inside


@pytest.mark.parametrize(("channels", "length", "height", "width", "side", "sensor", "frame"), SIZES)
@pytest.mark.parametrize("frames", [1, 3])
def test_windows_of_any_size_are_trained_and_embedded(
    build, masks, channels, length, height, width, side, sensor, frame, frames
):
    method = build(channels, length, height, width, patch_px=side, frames=frames)
    batch = make_batch(method, count=2)
    assert all(bool(torch.isfinite(term)) for term in method.losses(batch).values())
    for mask, count in zip(masks, (sensor, frames * frame), strict=True):
        assert mask.visible.shape == (2, count // 4)
        assert mask.hidden.shape == (2, count - count // 4)
    assert method.embed_sensor(batch.sensor).whole.shape == (2, 32)
    assert method.embed_video(batch).whole.shape == (2, 32)


@pytest.mark.parametrize("modality", [SENSOR, VIDEO])
def test_what_is_hidden_reaches_no_token(build, masks, modality):
    def run(which):
        method = build()
        batch = make_batch(method)

        if which is not None:
            pixels = pixels_of(method.grids[modality], getattr(masks[0 if modality == SENSOR else 1], which))
            if modality == SENSOR:
                method.spectrogram.register_forward_hook(
                    lambda module, inputs, output: torch.where(pixels[:, None], 0.7, output)
                )
            else:
                batch.frames.permute(1, 2, 0, 3, 4)[..., pixels] = 0.7
        return outputs(method, batch)

    (before, clean), (after, hidden_changed) = run(None), run("hidden")
    for name in (SENSOR, VIDEO, "joint joint", "joint sensor", "joint video"):
        assert torch.equal(clean[name], hidden_changed[name]), name
    assert torch.equal(clean["decoder"][modality], hidden_changed["decoder"][modality])
    name = f"{modality}_reconstruction"
    assert float(before[name].detach()) != float(after[name].detach())
    assert not torch.equal(clean[modality], run("visible")[1][modality])


def test_reconstruction_is_the_error_at_hidden_patches_alone(build, masks, toy):
    still = replace(toy.AUGMENTATION, enabled=False)
    method = build(channels=37, length=60, height=51, width=67, patch_px=16, patch_frames=5, augmentation=still)
    batch = make_batch(method)
    batch.frames[:] = batch.frames[:, :, :1].clone()
    batch.frames[1] = 0.3
    terms, found = outputs(method, batch)
    even = interpolate(batch.sensor, size=64, mode="linear", align_corners=True)
    pictures = {SENSOR: method.spectrogram(even), VIDEO: (batch.frames[:, :, 0] - 0.5) / 0.25}
    for name, mask in zip((SENSOR, VIDEO), masks, strict=True):
        grid, errors = method.grids[name], []
        for window in range(3):
            for guess, patch in zip(found["decoder"][name][window], mask.hidden[window].tolist(), strict=True):
                row, column = divmod(patch, grid.shape[1])
                top, left = row * grid.patch_height, column * grid.patch_width
                truth = pictures[name][window, :, top : top + grid.patch_height, left : left + grid.patch_width]
                height, width = truth.shape[1:]
                guess = guess.reshape(grid.colours, grid.patch_height, grid.patch_width)[:, :height, :width].detach()
                if name == SENSOR:
                    errors.append(float((guess - truth).square().mean()))
                elif float(truth.max() - truth.min()) > 1e-3:
                    wanted = (truth - truth.mean()) / (truth.var() + 1e-6).sqrt()
                    errors.append(float((guess - wanted).square().mean()))
        assert errors
        assert (len(errors) < mask.hidden.numel()) == (name == VIDEO)
        assert float(terms[f"{name}_reconstruction"].detach()) == pytest.approx(sum(errors) / len(errors), rel=1e-4)


def test_the_contrast_is_one_way_between_masked_tokens_of_one_modality_alone(build):
    method = build(contrast_weight=0.3, patch_px=8)
    terms, found = outputs(method, make_batch(method, count=6))
    assert found["joint sensor"].shape == (6, 8, 32)
    assert found["joint video"].shape == (6, 12, 32)
    assert found["joint joint"].shape == (6, 20, 32)
    video, sensor = (normalize(found[f"joint {name}"].mean(dim=1)) for name in (VIDEO, SENSOR))
    expected = 0.3 * cross_entropy(video @ sensor.T / 0.05, torch.arange(6))
    torch.testing.assert_close(terms["contrastive"], expected)
    assert terms.keys() == {"sensor_reconstruction", "video_reconstruction", "contrastive"}


def test_windows_in_which_nothing_moves_leave_finite_gradients(build):
    method = build()
    batch = make_batch(method)
    batch.sensor[:], batch.frames[:] = 3.0, 0.4
    terms = method.losses(batch)
    torch.autograd.backward(sum(terms.values()))
    assert float(terms["video_reconstruction"].detach()) == 0.0
    assert all(bool(torch.isfinite(w.grad).all()) for w in method.parameters() if w.grad is not None)


def test_the_noise_of_the_augmentation_is_no_target(build, toy):
    """Noise on a plain wall is not to be reconstructed, an edge well above it is."""
    noisy, still = (build(augmentation=replace(toy.AUGMENTATION, enabled=on)) for on in (True, False))
    batch = make_batch(noisy)
    batch.frames.sub_(0.5).mul_(0.05).add_(0.5)
    assert float(noisy.losses(batch)["video_reconstruction"].detach()) == 0.0
    assert float(still.losses(batch)["video_reconstruction"].detach()) > 0.1
    batch.frames[..., 4::8] += 0.5
    assert float(noisy.losses(batch)["video_reconstruction"].detach()) > 0.1


def test_raw_patches_of_frames_are_reconstructed_when_asked_flat_ones_too(build):
    method = build(normalise_patches=False)
    batch = make_batch(method)
    batch.frames[:] = 1.0
    assert float(method.losses(batch)["video_reconstruction"].detach()) > 1.0


def test_the_probe_reads_the_mean_of_all_tokens_behind_the_sensors_norms(build):
    method = build().eval()
    with torch.no_grad():
        for name, weight in method.joint.named_parameters():
            weight.add_(0.1 if ".sensor" in name else 0.0)
    sensor = make_batch(method).sensor
    picture = method.spectrogram(interpolate(sensor, size=64, mode="linear", align_corners=True))
    tokens = method.joint(method.sensor(method.grids[SENSOR].cut(picture), torch.arange(32)), SENSOR)
    assert torch.equal(method.embed_sensor(sensor).whole, tokens.mean(dim=1))
    changed = sensor.clone()
    changed[:, -1, -1] += 5.0
    assert not torch.allclose(method.embed_sensor(changed).whole, method.embed_sensor(sensor).whole)


@pytest.mark.parametrize("frames", [1, 3])
def test_the_middle_frame_stands_for_a_window_in_evaluation(build, frames):
    method = build(frames=frames).eval()
    batch = make_batch(method)
    expected = method.embed_video(batch).whole
    batch.frames[:, :, [0, 1, 2, 3, 4, 6, 7, 8, 9]] = 0.0
    assert torch.equal(method.embed_video(batch).whole, expected)
    batch.frames[:, :, 5] = 0.0
    assert not torch.allclose(method.embed_video(batch).whole, expected)


def test_training_sees_each_frame_as_often_and_none_twice_in_a_window(build):
    method = build(frames=3)
    chosen = method._draw_frames(torch.zeros(3000, 3, 10, 1, 1))
    assert chosen.shape == (3000, 3)
    assert bool((chosen.sort(dim=1).values.diff(dim=1) > 0).all())
    assert float((torch.bincount(chosen.flatten(), minlength=10) / 3000 - 0.3).abs().max()) < 0.03


def test_frames_have_a_place_in_time_only_where_there_are_several(build):
    one, several = build(frames=1, patch_px=8), build(frames=2, patch_px=8)
    frames = make_batch(one).frames
    chosen = torch.tensor([[7], [2], [0]])
    patches, place = one._video_patches(frames, chosen)
    assert torch.equal(patches[1], one.grids[VIDEO].cut((frames[1:2, :, 2] - 0.5) / 0.25)[0])
    assert torch.equal(place, torch.arange(48).expand(3, -1))
    assert torch.equal(several._video_patches(frames, chosen)[1][0], 7 * 48 + torch.arange(48))
    assert several.video.position.shape == (480, 32)
    assert float(torch.cdist(several.video.position, several.video.position).fill_diagonal_(9.0).min()) > 0.01


def test_equal_seeds_hide_the_same_and_each_step_hides_anew(build):
    first, second = build(), build()
    batch = make_batch(first)
    ours, theirs = ([float(sum(m.losses(batch).values()).detach()) for _ in range(3)] for m in (first, second))
    assert ours == theirs
    assert len(set(ours)) == 3


@pytest.mark.parametrize("warmup", [0.0, 0.1, 1.0])
def test_the_learning_rate_rises_over_the_warm_up_and_falls_as_a_cosine(build, warmup):
    method = build(warmup=warmup)
    for share in (0.0, 0.03, 0.1, 0.3, 0.55, 0.999):
        fallen = 0.5 * (1 + math.cos(math.pi * (share - warmup) / (1 - warmup))) if warmup < 1 else 1.0
        expected = share / warmup if share < warmup else fallen
        assert method.learning_rate_factor(share) == pytest.approx(expected)
    assert method.learning_rate_factor(1.0) == pytest.approx(float(warmup == 1.0), abs=1e-12)


def test_training_lowers_the_reconstruction(toy, windows, resident):
    seed_everything(0)
    settings = toy.SETTINGS["cav_mae"]
    optimizer = replace(settings.optimizer, lr=2e-3)
    settings = replace(settings, epochs=8, paper_steps=None, lr=None, optimizer=optimizer)
    method = build_method("cav_mae", settings=settings, shape=input_shape(windows))
    rows = train(method, resident, place="x", report=lambda line: None).rows
    assert rows[-1]["losses"]["video_reconstruction"] < 0.9 * rows[1]["losses"]["video_reconstruction"]
    assert rows[-1]["lr"] < 1e-4
    assert rows[-1]["retrieval_unseen"]
    for name in ("explained_variance", "explained_variance_video"):
        assert rows[0][name] + 0.1 < rows[-1][name] < 1.0, name


@pytest.mark.parametrize(("frames", "modality"), [(1, FRAME), (3, FRAMES)])
def test_a_lone_frame_is_decoded_alone(build, frames, modality):
    method = build(frames=frames)
    assert method.modalities == {SENSOR, modality}
    assert method.video_modalities == {modality}


def test_more_frames_than_a_window_has_are_refused(build):
    with pytest.raises(UserError, match="frames: found 11, expected at most the 10 frames"):
        build(frames=11)
