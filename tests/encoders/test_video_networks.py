from __future__ import annotations

import pytest
import torch

from detach_core.encoders.video_networks import SpatialCnn2d, TemporalCnn3d


@pytest.mark.parametrize("size", ["small", "paper"])
@pytest.mark.parametrize("picture", [(48, 64), (50, 67), (96, 128), (112, 112)])
def test_any_picture_gives_a_feature_and_gradients(size, picture):
    encoder = SpatialCnn2d(dim=12, size=size)
    feature = encoder(torch.rand(2, 3, *picture))
    assert feature.shape == (2, 12)
    feature.square().sum().backward()
    assert all(bool(torch.isfinite(parameter.grad).all()) for parameter in encoder.parameters())


def test_the_paper_size_maps_224_pixels_to_14_by_14():
    assert SpatialCnn2d(dim=4, size="paper").feature_map(torch.rand(1, 3, 224, 224)).shape == (1, 256, 14, 14)


def test_averaging_features_of_equal_frames_is_the_same_as_averaging_pixels():
    pixels = SpatialCnn2d(dim=8, size="small").eval()
    features = SpatialCnn2d(dim=8, size="small", time_average="features").eval()
    features.load_state_dict(pixels.state_dict())
    frame = torch.rand(2, 3, 48, 64)
    with torch.no_grad():
        assert torch.allclose(features(frame[:, None].expand(2, 5, 3, 48, 64)), pixels(frame), atol=1e-5)


def test_features_are_averaged_over_the_frames_of_their_own_window():
    encoder = SpatialCnn2d(dim=8, size="small", time_average="features").eval()
    frames = torch.rand(2, 3, 3, 48, 64)
    with torch.no_grad():
        single = torch.stack([encoder.convolutions(frames[1, t : t + 1])[0] for t in range(3)]).mean(dim=0)
        assert torch.allclose(encoder.feature_map(frames)[1], single, atol=1e-5)


def test_a_bright_spots_place_can_be_learned():
    """Location is the label, so pooling over the picture must not lose it."""
    place = torch.randint(4, (256,))
    frames = 0.5 + 0.05 * torch.randn(256, 3, 48, 64)
    for index, where in enumerate(place.tolist()):
        row, column = 8 + 24 * (where // 2), 10 + 32 * (where % 2)
        frames[index, :, row : row + 6, column : column + 6] += 0.4
    encoder, head = SpatialCnn2d(dim=16, size="small"), torch.nn.Linear(16, 4)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=1e-3)
    for _ in range(10):
        for batch in torch.randperm(192).split(48):
            loss = torch.nn.functional.cross_entropy(head(encoder(frames[batch])), place[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        found = head(encoder.eval()(frames[192:])).argmax(dim=1)
    assert float((found == place[192:]).float().mean()) > 0.9


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="time_average"):
        SpatialCnn2d(dim=8, size="small", time_average="frames")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\(B, 3, H, W\)"):
        SpatialCnn2d(dim=8, size="small")(torch.rand(2, 5, 3, 48, 64))
    with pytest.raises(ValueError, match=r"\(B, F, 3, H, W\)"):
        SpatialCnn2d(dim=8, size="small", time_average="features")(torch.rand(2, 3, 48, 64))


@pytest.mark.parametrize("size", ["small", "paper"])
@pytest.mark.parametrize("shape", [(9, 48, 64), (4, 50, 67), (1, 16, 16), (19, 24, 32)])
def test_any_length_and_picture_gives_a_feature_and_gradients(size, shape):
    encoder = TemporalCnn3d(dim=12, size=size)
    feature = encoder(torch.randn(2, 5, *shape))
    assert feature.shape == (2, 12)
    feature.square().sum().backward()
    assert all(bool(torch.isfinite(parameter.grad).all()) for parameter in encoder.parameters())


def test_without_flow_three_channels_do():
    assert TemporalCnn3d(dim=4, size="small", in_channels=3)(torch.randn(2, 3, 9, 48, 64)).shape == (2, 4)


def test_the_paper_size_keeps_every_step():
    assert TemporalCnn3d(dim=4, size="paper").feature_map(torch.randn(1, 5, 9, 48, 64)).shape == (1, 256, 9, 6, 8)


def test_the_projection_compares_directions():
    encoder = TemporalCnn3d(dim=6, size="small").eval()
    motion = torch.randn(2, 5, 9, 48, 64)
    with torch.no_grad():
        whole = encoder.feature_map(motion).mean(dim=(2, 3, 4))
        expected = torch.stack(
            [torch.stack([f @ row / f.norm() / row.norm() for row in encoder.projection]) for f in whole]
        )
        assert torch.allclose(encoder(motion), expected, atol=1e-5)


def test_differences_leave_the_last_step_minus_the_first():
    encoder = TemporalCnn3d(dim=6, size="paper", time_average="differences").eval()
    motion = torch.randn(2, 5, 9, 16, 16)
    with torch.no_grad():
        steps = encoder.feature_map(motion).mean(dim=(3, 4))
        whole = (steps[:, :, -1] - steps[:, :, 0]) / 8
        cosine = torch.nn.functional.cosine_similarity(whole[:, None], encoder.projection[None], dim=2)
        assert torch.allclose(encoder(motion), cosine, atol=1e-4)
        assert torch.equal(encoder(motion[:, :, :1]), torch.zeros(2, 6))


@pytest.mark.parametrize("picture", [(48, 64), (50, 67), (16, 16)])
def test_each_cell_of_the_last_map_is_averaged_by_itself(picture):
    encoder = TemporalCnn3d(dim=6, size="small", cells=2).eval()
    motion = torch.randn(2, 5, 9, *picture)
    with torch.no_grad():
        features = encoder.feature_map(motion).mean(dim=2)
        height, width = features.shape[2:]
        rows, columns = ([slice(0, -(-n // 2)), slice(n // 2, n)] for n in (height, width))
        cells = torch.stack([features[:, :, row, column].mean(dim=(2, 3)) for row in rows for column in columns], dim=2)
        whole = cells.flatten(1)
        expected = torch.nn.functional.cosine_similarity(whole[:, None], encoder.projection[None], dim=2)
    torch.testing.assert_close(encoder(motion).detach(), expected, atol=1e-5, rtol=1e-4)


def test_cells_know_where_something_moved_and_the_whole_picture_does_not():
    motion = torch.zeros(2, 5, 9, 48, 64)
    motion[0, :, :, 20:28, 20:28] = motion[1, :, :, 20:28, 36:44] = 1.0
    found = {}
    for cells in (1, 3):
        encoder = TemporalCnn3d(dim=6, size="small", cells=cells).eval()
        with torch.no_grad():
            feature = encoder(motion)
        found[cells] = float((feature[0] - feature[1]).abs().max())
    assert found[1] < 1e-5 < 0.05 < found[3]


def test_the_last_step_counts_whether_steps_are_odd_or_even():
    encoder = TemporalCnn3d(dim=6, size="small").eval()
    for steps in (8, 9):
        motion = torch.randn(1, 5, steps, 16, 16)
        changed = motion.clone()
        changed[:, :, -1] += 1.0
        with torch.no_grad():
            assert not torch.allclose(encoder(motion), encoder(changed), atol=1e-4)


def test_pixels_at_the_border_of_an_odd_picture_count():
    encoder = TemporalCnn3d(dim=6, size="small").eval()
    motion = torch.zeros(1, 5, 9, 18, 19)
    changed = motion.clone()
    changed[..., -1, -1] = 5.0
    with torch.no_grad():
        assert not torch.equal(encoder.feature_map(motion), encoder.feature_map(changed))


def test_memory_order_of_the_input_does_not_matter():
    encoder = TemporalCnn3d(dim=6, size="small").eval()
    motion = torch.randn(2, 5, 9, 48, 64)
    with torch.no_grad():
        channels_last = motion.contiguous(memory_format=torch.channels_last_3d)
        assert torch.equal(encoder(motion), encoder(channels_last))


@pytest.mark.parametrize("in_channels", [3, 5])
def test_the_sign_of_motion_can_be_learned(in_channels):
    """A patch that moves one way or the other at a random place: opening against closing."""
    generator = torch.Generator().manual_seed(0)

    def moving_patches(number):
        label = torch.randint(2, (number,), generator=generator)
        motion = torch.zeros(number, 5, 9, 24, 32)
        for index in range(number):
            row = int(torch.randint(2, 18, (), generator=generator))
            column = int(torch.randint(10, 18, (), generator=generator))
            direction = 2 * int(label[index]) - 1
            frames = torch.zeros(10, 24, 32)
            for time in range(10):
                left = column + direction * (time - 5)
                frames[time, row : row + 4, left : left + 5] = 0.5
                if time:
                    motion[index, 3, time - 1, row : row + 4, left : left + 5] = direction * 0.25
            motion[index, :3] = frames.diff(dim=0)
        return motion + 0.02 * torch.randn(motion.shape, generator=generator), label

    encoder, head = TemporalCnn3d(dim=16, size="small", in_channels=in_channels), torch.nn.Linear(16, 2)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=3e-3)
    motion, label = moving_patches(384)
    for _ in range(8):
        for batch in torch.randperm(256, generator=generator).split(32):
            loss = torch.nn.functional.cross_entropy(8 * head(encoder(motion[batch, :in_channels])), label[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        found = head(encoder.eval()(motion[256:, :in_channels])).argmax(dim=1)
    assert float((found == label[256:]).float().mean()) > 0.9


def test_a_still_video_gives_finite_features_and_gradients():
    encoder = TemporalCnn3d(dim=6, size="small").train()
    feature = encoder(torch.zeros(2, 5, 9, 48, 64))
    feature.square().sum().backward()
    assert bool(torch.isfinite(feature).all())
    assert all(bool(torch.isfinite(parameter.grad).all()) for parameter in encoder.parameters())


def test_motion_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="time_average"):
        TemporalCnn3d(dim=6, size="small", time_average="mean")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cells at least 1"):
        TemporalCnn3d(dim=6, size="small", cells=0)
    for shape in ((2, 3, 9, 48, 64), (2, 5, 48, 64)):
        with pytest.raises(ValueError, match="expected motion"):
            TemporalCnn3d(dim=6, size="small")(torch.zeros(shape))
