import dataclasses
import math

import pytest
import torch
from torch.nn.functional import normalize

from detach_core.methods.batch import MEAN_FRAME, MOTION, SENSOR
from detach_core.methods.registry import build_method
from detach_core.training.batches import input_shape
from detach_core.training.loop import train
from detach_core.training.randomness import seed_everything


@pytest.fixture
def build(toy, windows):
    def make(*, shape=None, **changes):
        seed_everything(0)
        settings = dataclasses.replace(toy.SETTINGS["imu2clip"], **changes)
        return build_method(
            "imu2clip", settings=settings, shape=dataclasses.replace(input_shape(windows), **shape or {})
        )

    return make


@pytest.fixture
def batch(resident):
    return resident.gather("pretrain", torch.arange(12), modalities={SENSOR, MEAN_FRAME, MOTION}, augment=False)


def oracle(video, sensor, temperature):
    """Both cross-entropies in loops, summed, each a mean over the windows."""
    video, sensor = (normalize(value.detach().double(), dim=1) for value in (video, sensor))
    count = len(video)
    logits = [[float(video[i] @ sensor[j]) / temperature for j in range(count)] for i in range(count)]
    total = 0.0
    for i in range(count):
        total -= logits[i][i] - math.log(sum(math.exp(logits[i][j]) for j in range(count)))
        total -= logits[i][i] - math.log(sum(math.exp(logits[j][i]) for j in range(count)))
    return total / count


@pytest.mark.parametrize("authors", [False, True])
@pytest.mark.parametrize("channels", [6, 34, 37])
@pytest.mark.parametrize("length", [60, 100, 128, 400])
def test_windows_of_every_dataset_are_embedded(build, length, channels, authors):
    method = build(shape={"length": length, "channels": channels}, authors_adaptation=authors)
    feature = method.embed_sensor(torch.randn(3, channels, length)).whole
    assert feature.shape == (3, method.embedding_dim) == (3, 64)
    assert bool(torch.isfinite(feature).all())
    assert method.sensor.steps == (1 if authors else 10)


def test_the_loss_is_the_sum_of_both_directions_at_the_learned_temperature(build, batch):
    method = build(temperature=0.2).train()
    loss = method.losses(batch)["contrastive"]
    video, sensor = method.embed_video(batch).whole, method.embed_sensor(batch.sensor).whole
    assert float(loss.detach()) == pytest.approx(oracle(video, sensor, 0.2), rel=1e-4)


def test_both_networks_and_the_temperature_are_trained(build, resident):
    method = build()
    before = {name: weight.detach().clone() for name, weight in method.named_parameters()}
    train(method, resident, place="x", report=lambda line: None)
    assert {name.split(".")[0] for name in before} == {"sensor", "video", "temperature"}
    assert not [name for name, weight in method.named_parameters() if torch.equal(weight, before[name])]


@pytest.mark.parametrize(("logarithm", "expected"), [(1.0, 1.0), (-9.0, 0.01)])
def test_a_step_beyond_the_temperatures_bounds_is_taken_back(build, batch, logarithm, expected):
    method = build()
    with torch.no_grad():
        method.temperature.logarithm.fill_(logarithm)
    method.after_step()
    assert method.after_epoch(1) == {"temperature": pytest.approx(expected)}
    method.losses(batch)["contrastive"].backward()
    assert method.temperature.logarithm.grad.abs() > 0


def test_the_history_holds_the_temperature_of_each_epoch(build, resident):
    method = build(temperature=0.3)
    rows = train(method, resident, place="x", report=lambda line: None).rows
    assert rows[0]["temperature"] == pytest.approx(0.3)
    assert len({row["temperature"] for row in rows}) == len(rows) == 3


def test_the_history_says_whether_the_gru_sees_time(build, resident):
    usual, authors = (
        train(method, resident, place="x", report=lambda line: None).facts
        for method in (build(), build(authors_adaptation=True))
    )
    assert usual["gru_steps"] == 10
    assert usual["gru_time_deviation"] > 0.1
    assert authors["gru_steps"] == 1
    assert authors["gru_time_deviation"] == 0.0


def test_the_authors_windows_are_128_samples_and_22_zeros(build):
    method = build(authors_adaptation=True)
    seen = []
    method.sensor.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    window = torch.linspace(1.0, 2.0, 60).expand(2, 8, 60)
    method.embed_sensor(window)
    torch.testing.assert_close(seen[0][..., :128], torch.linspace(1.0, 2.0, 128).expand(2, 8, 128))
    assert seen[0].shape == (2, 8, 150)
    assert not seen[0][..., 128:].any()


def test_the_authors_adaptation_does_not_read_length(build):
    window = torch.randn(2, 8, 60)
    one, other = (build(authors_adaptation=True, length=length).embed_sensor(window).whole for length in (400, 1000))
    assert torch.equal(one, other)


def test_length_sets_how_many_steps_the_gru_sees(build):
    assert build(length=1000).sensor.steps == 32
    assert build(length=141).sensor.steps == 1


def test_windows_of_more_samples_than_length_are_not_thinned_out(build):
    method = build(shape={"length": 500}, length=400)
    window = torch.randn(2, 8, 500)
    assert torch.equal(method.embed_sensor(window).whole, method.sensor(window))
    assert method.sensor.steps == 14


def test_the_probe_reads_the_grus_last_state(build, batch):
    method = build().eval()
    _, state = method.sensor.recurrence(method.sensor.sequence(method._at_length(batch.sensor)))
    assert torch.equal(method.embed_sensor(batch.sensor).whole, state[-1])
    assert method.probed == "sensor: GRU state"


def test_the_same_seed_gives_the_same_weights(build, windows, split, make_resident, toy):
    def weights():
        method = build()
        access = make_resident(windows, split, augmentation=toy.AUGMENTATION)
        train(method, access, place="x", report=lambda line: None)
        return method.state_dict()

    first, second = weights(), weights()
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_a_home_that_can_be_learned_is_learned(build, resident):
    method = build(epochs=10)
    rows = train(method, resident, place="x", report=lambda line: None).rows
    first, last = (row["retrieval_unseen"]["sensor_to_video"]["r5"] for row in (rows[0], rows[-1]))
    # Chance is 5 of 48 windows. Seeds 0 to 3 reach 0.5 to 0.6 after eight epochs.
    assert first < 0.25
    assert last > 0.35


def test_the_row_says_where_the_video_trunk_started(build, monkeypatch):
    assert build().video_init == "scratch"
    monkeypatch.setattr(
        "detach_core.methods.batch.build_trunk", lambda *args, **sizes: (torch.nn.Identity(), "trunk.pt 1a2b")
    )
    assert build().video_init == "trunk.pt 1a2b"
