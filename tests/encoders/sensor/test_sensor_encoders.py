import pytest
import torch

from detach_core.encoders.sensor import SENSOR_ENCODERS, build_sensor_encoder

NAMES = sorted(SENSOR_ENCODERS)


@pytest.mark.parametrize("size", ["small", "paper"])
@pytest.mark.parametrize("length", [60, 100, 128, 400])
@pytest.mark.parametrize("name", NAMES)
def test_every_encoder_takes_every_length_and_channel_count(name, length, size):
    for channels in (6, 34, 37):
        encoder = build_sensor_encoder(
            name, channels=channels, length=length, dim=10 if size == "small" else 24, size=size
        )
        feature = encoder(torch.randn(2, channels, length))
        assert feature.shape == (2, 10 if size == "small" else 24)
        feature.square().sum().backward()
        for parameter in encoder.parameters():
            assert parameter.grad is not None
            assert bool(torch.isfinite(parameter.grad).all())


@pytest.mark.parametrize("name", NAMES)
def test_an_all_zero_window_gives_finite_features_and_gradients(name):
    encoder = build_sensor_encoder(name, channels=6, length=60, dim=8, size="small").train()
    feature = encoder(torch.zeros(4, 6, 60))
    feature.square().sum().backward()
    assert bool(torch.isfinite(feature).all())
    assert all(bool(torch.isfinite(parameter.grad).all()) for parameter in encoder.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_a_window_in_evaluation_does_not_depend_on_its_neighbours(name):
    encoder = build_sensor_encoder(name, channels=6, length=100, dim=8, size="small").eval()
    windows = torch.randn(5, 6, 100)
    with torch.no_grad():
        assert torch.allclose(encoder(windows)[2:3], encoder(windows[2:3]), atol=1e-5)


@pytest.mark.parametrize("name", ["cnn_gru_attention", "transformer"])
def test_temporal_encoders_tell_a_rise_from_a_fall(name):
    """Opening and closing differ in order alone: a step up at a random time against its mirror in time."""
    generator = torch.Generator().manual_seed(0)

    def steps(number):
        start = torch.randint(15, 45, (number, 1, 1), generator=generator)
        rise = (torch.arange(60) >= start).float().expand(number, 3, 60)
        label = torch.randint(2, (number,), generator=generator)
        windows = torch.where(label[:, None, None] == 1, rise, 1 - rise)
        windows = windows - windows.median(dim=2, keepdim=True).values
        return windows + 0.2 * torch.randn(windows.shape, generator=generator), label

    encoder = build_sensor_encoder(name, channels=3, length=60, dim=16, size="small")
    head = torch.nn.Linear(16, 2)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=3e-3)
    windows, label = steps(192)
    for _ in range(10):
        for batch in torch.randperm(192, generator=generator).split(48):
            loss = torch.nn.functional.cross_entropy(head(encoder(windows[batch])), label[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    windows, label = steps(200)
    with torch.no_grad():
        assert float((head(encoder.eval()(windows)).argmax(dim=1) == label).float().mean()) > 0.9


def test_the_same_seed_builds_the_same_encoder():
    for name in NAMES:
        states = []
        for _ in range(2):
            torch.manual_seed(3)
            states.append(build_sensor_encoder(name, channels=6, length=60, dim=8, size="small").state_dict())
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_an_unknown_name_or_size_is_refused():
    with pytest.raises(ValueError, match="cnn_gru_attention"):
        build_sensor_encoder("lstm", channels=6, length=60, dim=8, size="small")
    with pytest.raises(ValueError, match="size"):
        build_sensor_encoder("cnn_gru", channels=6, length=60, dim=8, size="tiny")
