import pytest
import torch

from detach_core.encoders.video.spatial_cnn2d import SpatialCnn2d


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
        SpatialCnn2d(dim=8, size="small", time_average="frames")
    with pytest.raises(ValueError, match=r"\(B, 3, H, W\)"):
        SpatialCnn2d(dim=8, size="small")(torch.rand(2, 5, 3, 48, 64))
    with pytest.raises(ValueError, match=r"\(B, F, 3, H, W\)"):
        SpatialCnn2d(dim=8, size="small", time_average="features")(torch.rand(2, 3, 48, 64))
