"""Net change of constructed motions: a door that swings and a drawer that slides, opened and closed."""

import math

import numpy as np
import pytest
import torch

from detach_core.methods.batch import all_sensors
from detach_core.methods.detach.net_change import (
    CELL_PX,
    TREND,
    CuedEncoder,
    StandardTrend,
    fit_trends,
    flow_sum,
    grey_change,
    net_change,
    net_change_similarity,
    sensor_trend,
)

HEIGHT, WIDTH, FRAMES, LENGTH = 24, 32, 10, 60
OPEN, CLOSE = 1, -1


def progress(count, seconds):
    """How far the motion is, from 0 to 1, at `count` moments of a window of two seconds."""
    time = np.linspace(0.0, 2.0, count)
    return np.clip((time - (2.0 - seconds) / 2) / seconds, 0.0, 1.0)


def place_of(what, share):
    """Row and column of the door's leaf or of the drawer's front."""
    return (6, 8 + 10 * share) if what == "door" else (4 + 10 * share, 12)


def video(what, action, *, seconds=1.0, light=0.0, mirrored=False):
    """Motion (1, 5, F - 1, H, W): a bright block, and its flow in quarter pixels."""
    way = progress(FRAMES, seconds) if action == OPEN else 1.0 - progress(FRAMES, seconds)
    frames, flow = np.full((FRAMES, 3, HEIGHT, WIDTH), 0.3), np.zeros((FRAMES, 2, HEIGHT, WIDTH))
    for index, share in enumerate(way):
        top, left = (round(value) for value in place_of(what, share))
        frames[index, :, top : top + 8, left : left + 6] = [[[0.9]], [[0.8]], [[0.5]]]
        if index:
            before = place_of(what, way[index - 1])
            down, right = (now - old for now, old in zip(place_of(what, share), before, strict=True))
            flow[index, 0, top : top + 8, left : left + 6] = right / 4
            flow[index, 1, top : top + 8, left : left + 6] = down / 4
    frames += light * np.linspace(0.0, 1.0, FRAMES)[:, None, None, None]
    motion = np.concatenate([np.diff(frames, axis=0), flow[1:]], axis=1).transpose(1, 0, 2, 3)
    if mirrored:
        motion = motion[..., ::-1].copy()
        motion[3] *= -1
    return torch.from_numpy(motion).float()[None]


def sensor(what, action, *, seconds=1.0, offset=0.0):
    """Windows (1, 3, L): the door's switch, the drawer's slope, a channel at rest."""
    way = progress(LENGTH, seconds) if action == OPEN else 1.0 - progress(LENGTH, seconds)
    values = np.zeros((3, LENGTH))
    if what == "door":
        values[0] = way > 0.5
    else:
        values[1] = 2.0 * way
    return torch.from_numpy(values + offset).float()[None]


@pytest.fixture
def trend():
    """Standardised over both fixtures, opened and closed."""
    fitted = StandardTrend(3)
    fitted.fit(torch.cat([sensor(what, action) for what in ("door", "drawer") for action in (OPEN, CLOSE)]))
    return fitted


def likeness(trend, first, second, parts=(0, 1, 2)):
    """T of two moments, each (sensor, motion)."""
    both = net_change(trend, torch.cat([first[0], second[0]]), torch.cat([first[1], second[1]]))
    return float(net_change_similarity([both[part] for part in parts])[0, 1])


def moment(what, action, *, seconds=1.0, offset=0.0, light=0.0, mirrored=False):
    return sensor(what, action, seconds=seconds, offset=offset), video(
        what, action, seconds=seconds, light=light, mirrored=mirrored
    )


@pytest.mark.parametrize("what", ["door", "drawer"])
@pytest.mark.parametrize("parts", [(0,), (1,), (2,), (0, 1, 2)], ids=["sensors", "flow", "brightness", "all"])
def test_what_opens_is_like_what_opens_and_unlike_what_closes(trend, what, parts):
    opened, closed = moment(what, OPEN), moment(what, CLOSE)
    assert likeness(trend, opened, moment(what, OPEN), parts) == pytest.approx(1.0, abs=1e-5)
    assert likeness(trend, opened, closed, parts) < -0.7


@pytest.mark.parametrize("what", ["door", "drawer"])
@pytest.mark.parametrize(
    "change",
    [{"seconds": 1.8}, {"seconds": 0.5}, {"offset": 3.0}, {"light": 0.2}, {"light": -0.2, "offset": -1.0}],
    ids=str,
)
def test_speed_offset_and_light_do_not_turn_it(trend, what, change):
    opened, closed = moment(what, OPEN), moment(what, CLOSE)
    assert likeness(trend, opened, moment(what, OPEN, **change)) > 0.7
    assert likeness(trend, closed, moment(what, OPEN, **change)) < -0.6


def test_an_offset_changes_no_trend_and_light_no_brightness():
    shifted = sensor("drawer", OPEN, offset=3.0)
    torch.testing.assert_close(sensor_trend(shifted), sensor_trend(sensor("drawer", OPEN)), atol=1e-5, rtol=0)
    lit = video("door", OPEN, light=0.3)
    torch.testing.assert_close(grey_change(lit), grey_change(video("door", OPEN)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("what", ["door", "drawer"])
def test_a_mirrored_home_has_the_same_similarities(trend, what):
    for second in (OPEN, CLOSE):
        seen = [likeness(trend, moment(what, OPEN, mirrored=m), moment(what, second, mirrored=m)) for m in (0, 1)]
        assert seen[0] == pytest.approx(seen[1], abs=1e-5)


def test_a_door_is_not_like_a_drawer_beside_it(trend):
    for action in (OPEN, CLOSE):
        assert abs(likeness(trend, moment("door", OPEN), moment("drawer", action))) < 0.35


def test_the_sensors_know_what_the_camera_does_not_see_and_the_reverse(trend):
    nothing = torch.zeros_like(video("drawer", OPEN))
    opened, closed = (sensor("drawer", OPEN), nothing), (sensor("drawer", CLOSE), nothing)
    assert likeness(trend, opened, opened) == pytest.approx(1 / 3, abs=1e-5)
    assert likeness(trend, opened, closed) < -0.25
    still = trend.mean.new_zeros(1, 3, LENGTH)
    trend.mean.zero_()
    seen = (still, video("door", OPEN)), (still, video("door", CLOSE))
    assert likeness(trend, seen[0], seen[0]) == pytest.approx(2 / 3, abs=1e-5)
    assert likeness(trend, *seen) < -0.5


def test_the_trend_is_its_numbers_in_loops():
    windows = np.random.default_rng(0).normal(size=(3, 2, 61))
    found = sensor_trend(torch.from_numpy(windows)).numpy()
    assert found.shape == (3, 2 * len(TREND))
    time = np.linspace(-0.5, 0.5, 61)
    for row, channel in np.ndindex(3, 2):
        x = windows[row, channel]
        for place, value in enumerate((x[-1] - x[0], np.polyfit(time, x, 1)[0])):
            expected = math.copysign(math.log1p(3 * abs(value)), value)
            assert found[row, 2 * place + channel] == pytest.approx(expected, abs=1e-9)


def test_flow_and_brightness_are_sums_over_the_window_and_means_over_cells():
    motion = torch.rand(2, 5, 4, 10, 9, dtype=torch.float64)
    flow, change = flow_sum(motion), grey_change(motion)
    rows, columns = math.ceil(10 / CELL_PX), math.ceil(9 / CELL_PX)
    assert flow.shape == (2, 2 * rows * columns)
    assert change.shape == (2, rows * columns)
    cells = []
    for row in range(rows):
        for column in range(columns):
            part = motion[1, :, :, row * CELL_PX : (row + 1) * CELL_PX, column * CELL_PX : (column + 1) * CELL_PX]
            assert float(flow[1].view(2, rows, columns)[1, row, column]) == pytest.approx(float(part[4].sum(0).mean()))
            cells.append(float(part[:3].sum(dim=1).mean()))
    np.testing.assert_allclose(change[1].numpy(), np.array(cells) - np.median(cells), atol=1e-9)


def test_the_similarity_is_the_mean_cosine_in_loops():
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(4, size, generator=generator, dtype=torch.float64) for size in (3, 5)]
    found = net_change_similarity(parts)
    for i, j in np.ndindex(4, 4):
        cosines = [float(p[i] @ p[j] / p[i].norm() / p[j].norm()) for p in parts]
        assert float(found[i, j]) == pytest.approx(sum(cosines) / 2, abs=1e-9)
    assert float(net_change_similarity([part.float() for part in parts]).max()) <= 1.0


def test_nothing_is_like_a_window_that_changed_nothing():
    parts = (torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0], [2.0]]))
    assert net_change_similarity(parts).tolist() == [[0.0, 0.0], [0.0, 1.0]]


def test_a_trend_is_standardised_and_a_constant_one_is_0():
    windows = torch.randn(50, 2, LENGTH) * torch.tensor([1.0, 5.0])[:, None]
    windows[:, 1] = 7.3
    trend = StandardTrend(2)
    trend.fit(windows)
    found = trend(windows)
    torch.testing.assert_close(found[:, ::2].mean(dim=0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(found[:, ::2].std(dim=0, correction=0), torch.ones(2), atol=1e-5, rtol=0)
    assert not found[:, 1::2].any()
    assert not trend(windows + 1.0)[:, 1::2].any()


def test_a_cue_is_added_to_the_encoders_feature():
    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(2 * LENGTH, 6))
    cued, windows = CuedEncoder(encoder, channels=2, dim=6), torch.randn(5, 2, LENGTH)
    cued.trend.fit(windows)
    again = CuedEncoder(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(2 * LENGTH, 6)), channels=2, dim=6)
    again.load_state_dict(cued.state_dict())
    with torch.no_grad():
        expected = encoder(windows) + cued.projection(cued.trend(windows))
        torch.testing.assert_close(cued(windows), expected)
        torch.testing.assert_close(again(windows), expected)
        assert float((expected - encoder(windows)).abs().max()) > 0.1


@pytest.mark.parametrize("channels", [None, 8])
def test_the_pretraining_windows_are_read_for_a_cue_alone(resident, monkeypatch, channels):
    read: list[str] = []
    batches = type(resident).batches

    def noted(self, part, **options):
        read.append(part)
        return batches(self, part, **options)

    monkeypatch.setattr(type(resident), "batches", noted)
    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(6))
    network = encoder if channels is None else CuedEncoder(encoder, channels=channels, dim=6)
    fit_trends(network, resident)
    assert read == ([] if channels is None else ["pretrain"])
    if isinstance(network, CuedEncoder):
        trend = network.trend(all_sensors(resident))
        torch.testing.assert_close(trend.mean(dim=0), torch.zeros(16), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: sensor_trend(torch.zeros(2, 3)),
        lambda: sensor_trend(torch.zeros(2, 3, 1)),
        lambda: flow_sum(torch.zeros(2, 5, 4, 4)),
        lambda: grey_change(torch.zeros(2, 2, 3, 4, 4)),
        lambda: net_change_similarity([]),
        lambda: net_change_similarity([torch.zeros(2, 3), torch.zeros(3, 3)]),
    ],
)
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(ValueError, match="expected"):
        call()
