from __future__ import annotations

import copy
import itertools
import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from detach_core.losses import summed_info_nce
from detach_core.methods.batch import MEAN_FRAME, MOTION, SENSOR
from detach_core.methods.primus.method import (
    NOISE,
    SCALE,
    Primus,
    SensorViews,
    add_noise,
    negate,
    permute_segments,
    scale_channels,
)
from detach_core.training.batches import input_shape
from detach_core.training.loop import train
from detach_core.training.randomness import seed_everything


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def clock(batch=64, channels=3, length=128):
    """Windows whose samples say their time, plus 1000 a channel."""
    time = torch.arange(float(length))
    return (time + 1000.0 * torch.arange(float(channels))[:, None]).expand(batch, channels, length).contiguous()


def pieces(row):
    """The runs of consecutive times in a permuted window, as (first, last)."""
    breaks = [0, *(t for t in range(1, len(row)) if row[t] != row[t - 1] + 1), len(row)]
    return [(row[a], row[b - 1]) for a, b in itertools.pairwise(breaks)]


@pytest.mark.parametrize(("batch", "length"), [(64, 128), (256, 400), (100, 4)])
def test_pieces_of_every_window_come_back_whole(batch, length):
    sensor = clock(batch, 2, length)
    changed = permute_segments(sensor, 4, stream())
    assert torch.equal(changed.sort(dim=2).values, sensor)
    assert max(len(pieces(row.tolist())) for row in changed[:, 0]) == 4
    assert all(1 <= len(pieces(row.tolist())) <= 4 for row in changed[:, 0])


def test_all_channels_of_a_window_are_cut_alike():
    changed = permute_segments(clock(), 4, stream())
    assert torch.equal(changed[:, 1] - 1000.0, changed[:, 0])
    assert torch.equal(changed[:, 2] - 2000.0, changed[:, 0])


def test_every_window_has_cuts_and_an_order_of_its_own():
    changed = permute_segments(clock(batch=64), 4, stream())
    assert len({tuple(row) for row in changed[:, 0].tolist()}) > 60
    starts = [sorted(first for first, _ in pieces(row)) for row in changed[:, 0].tolist()]
    cuts = [start for row in starts for start in row if start]
    # One draw without replacement over the batch could not repeat a cut.
    assert len(set(cuts)) < len(cuts)


def test_cuts_fall_everywhere_and_every_piece_may_come_first():
    rows = permute_segments(clock(batch=4000, channels=1, length=6), 2, stream())[:, 0].tolist()
    swapped = [row for row in rows if row[0]]
    assert 0.45 < len(swapped) / len(rows) < 0.55
    counts = [sum(row[0] == cut for row in swapped) / len(swapped) for cut in range(1, 6)]
    assert all(0.16 < share < 0.24 for share in counts)


def test_more_pieces_than_samples_are_refused():
    with pytest.raises(ValueError, match="3 samples cannot be cut into 4"):
        permute_segments(clock(length=3), 4, stream())


def test_a_channel_has_one_factor_over_its_whole_window():
    factor = scale_channels(torch.ones(500, 4, 20), stream())
    assert torch.equal(factor, factor[:, :, :1].expand_as(factor))
    own = factor[:, :, 0]
    assert float(own.mean()) == pytest.approx(1.0, abs=0.03)
    assert float(own.std()) == pytest.approx(SCALE, rel=0.05)
    assert len(own.flatten().unique()) == own.numel()


def test_noise_is_independent_and_of_its_deviation():
    noise = add_noise(torch.zeros(50, 4, 100), stream())
    assert float(noise.std()) == pytest.approx(NOISE, rel=0.03)
    assert float(noise.mean()) == pytest.approx(0.0, abs=0.005)
    assert len(noise.flatten().unique()) > 0.9 * noise.numel()


def test_negation_turns_the_window_upside_down():
    assert torch.equal(negate(clock()), -clock())


def test_transforms_follow_one_another_as_listed():
    sensor = torch.randn(5, 3, 40)
    views = SensorViews(["negate", "permute"], segments=4, generator=stream())
    assert torch.equal(views(sensor), permute_segments(-sensor, 4, stream()))
    draws = stream()
    expected = scale_channels(add_noise(sensor, draws), draws)
    assert torch.equal(SensorViews(["noise", "scale"], segments=4, generator=stream())(sensor), expected)


def test_no_transform_leaves_the_window_as_it_is():
    sensor = torch.randn(5, 3, 40)
    assert torch.equal(SensorViews([], segments=4, generator=stream())(sensor), sensor)


def test_the_window_itself_is_not_written_to():
    sensor = torch.randn(5, 3, 40)
    before = sensor.clone()
    SensorViews(["noise", "scale", "negate", "permute"], segments=4, generator=stream())(sensor)
    assert torch.equal(sensor, before)


def test_equal_seeds_give_equal_views_and_two_calls_do_not():
    sensor = torch.randn(5, 3, 40)
    first, second = (
        SensorViews(["noise", "scale", "negate", "permute"], segments=4, generator=stream()) for _ in range(2)
    )
    view = first(sensor)
    assert torch.equal(view, second(sensor))
    assert not torch.equal(view, first(sensor))


def test_an_unknown_transform_is_refused():
    with pytest.raises(ValueError, match="got 'rotate'"):
        SensorViews(["negate", "rotate"], segments=4, generator=stream())


MODALITIES = {SENSOR, MEAN_FRAME, MOTION}


@pytest.fixture
def build(toy, windows, resident):
    def make(access=resident, **changes):
        seed_everything(0)
        method: Any = Primus(replace(toy.SETTINGS["primus"], **changes), input_shape(windows), None)
        method.facts = method.before_training(access, num_steps=8)
        return method

    return make


@pytest.fixture
def batch(resident):
    return resident.gather("pretrain", torch.arange(0, 64, 4), modalities=MODALITIES, augment=False)


def step(method, access, position):
    batch = access.gather("pretrain", torch.tensor(position), modalities=MODALITIES, augment=False)
    terms = method.train().losses(batch)
    method.after_step()
    return terms


def test_the_queue_is_a_quarter_of_the_windows_and_full_before_the_first_step(build, resident):
    assert resident.num_windows("pretrain") == 72
    method = build()
    assert method.facts["queue_size"] == len(method.queue) == 18
    assert len(build(queue=5).queue) == 5
    # No row is zero, and all are different windows.
    assert float(method.queue.entries.video.norm(dim=1).min()) > 0.1
    assert len(method.queue.entries.position.unique()) == 18


def test_the_queue_starts_with_features_of_the_untrained_networks(build, resident):
    method = build(batch_size=18)
    entries = method.queue.entries
    batch = resident.gather("pretrain", entries.position, modalities=MODALITIES, augment=False)
    assert torch.equal(batch.recording, entries.recording)
    assert torch.equal(batch.start_s, entries.start_s)
    with torch.no_grad():
        twin = copy.deepcopy(method).train()
        torch.testing.assert_close(twin.video(batch), entries.video)
        ssl = twin.sensor_ssl(
            twin.sensor(torch.nn.functional.interpolate(batch.sensor, size=400, mode="linear", align_corners=True))
        )
        torch.testing.assert_close(ssl, entries.ssl)


def test_windows_enter_the_queue_after_the_step_and_the_oldest_leave(build, resident):
    method = build()
    start = method.queue.entries.position.tolist()
    batch = resident.gather("pretrain", torch.tensor([3, 11, 40]), modalities=MODALITIES, augment=False)
    method.train().losses(batch)
    assert method.queue.entries.position.tolist() == start
    method.after_step()
    assert method.queue.entries.position.tolist() == [*start[3:], 3, 11, 40]
    assert not method.queue.entries.video.requires_grad
    sensor = torch.nn.functional.interpolate(batch.sensor, size=400, mode="linear", align_corners=True)
    with torch.no_grad():
        unchanged = method.sensor_ssl(method.sensor(sensor))
    torch.testing.assert_close(method.queue.entries.ssl[-3:], unchanged)
    for first in range(0, 18, 3):
        step(method, resident, [first, first + 1, first + 2])
    assert method.queue.entries.position.tolist() == list(range(18))


def test_the_loss_is_its_four_terms_with_neighbours_by_video(build, batch):
    method = build(transforms=("negate",), exclude_s=4.0).train()
    terms = method.losses(batch)
    with torch.no_grad():
        sensor = torch.nn.functional.interpolate(batch.sensor, size=400, mode="linear", align_corners=True)
        state, video = method.sensor(sensor), method.video(batch)
        ssl, mmcl = method.sensor_ssl(state), method.sensor_mmcl(state)
        changed = method.sensor_ssl(method.sensor(-sensor))
        entries = method.queue.entries
        rows, chosen = [], []
        for row in range(len(batch)):
            allowed = [
                j
                for j in range(len(entries.position))
                if not (
                    entries.recording[j] == batch.recording[row]
                    and abs(float(entries.start_s[j] - batch.start_s[row])) <= 4.0
                )
            ]
            cosine = torch.nn.functional.cosine_similarity(video[row][None], entries.video)
            chosen.append(max(allowed, key=lambda j: float(cosine[j])))
            rows.append(row)
        expected = {
            "video": summed_info_nce(mmcl, video, 0.1),
            "self_supervised": summed_info_nce(ssl, changed, 0.1),
            "neighbour_video": summed_info_nce(mmcl, entries.video[chosen], 0.1),
            "neighbour_sensor": summed_info_nce(ssl, entries.ssl[chosen], 0.1),
        }
    assert terms.keys() == expected.keys()
    for name, value in expected.items():
        assert float(terms[name].detach()) == pytest.approx(0.5 * float(value), rel=1e-4), name


def test_a_window_in_the_queue_is_never_its_own_neighbour(build, resident):
    method = build(exclude_s=0.0)
    seen = []
    method._neighbours.add = lambda own, neighbour, found: seen.append((own, neighbour, found))
    for _ in range(3):
        step(method, resident, [3, 11, 40, 60])
    own, neighbour, found = seen[-1]
    assert {3, 11, 40, 60} <= set(method.queue.entries.position.tolist())
    assert bool(found.all())
    assert not bool((own == neighbour).any())


def test_where_all_neighbours_are_excluded_their_terms_are_left_out(build, resident):
    method = build(queue=4, exclude_s=3600.0)
    # All of the queue and of the batch come from one recording.
    for first in (0, 2):
        terms = step(method, resident, [first, first + 1])
    batch = resident.gather("pretrain", torch.tensor([5, 8, 12]), modalities=MODALITIES, augment=False)
    terms = method.losses(batch)
    assert float(terms["neighbour_video"]) == float(terms["neighbour_sensor"]) == 0.0
    total = sum(terms.values())
    total.backward()
    assert bool(torch.isfinite(total))
    assert all(bool(torch.isfinite(w.grad).all()) for w in method.parameters() if w.grad is not None)
    # With two windows of another recording the terms are theirs alone.
    terms = step(method, resident, [30, 53])
    assert float(terms["neighbour_video"].detach()) > 0.0


def test_gradients_reach_all_networks_and_both_temperatures(build, batch):
    method = build().train()
    sum(method.losses(batch).values()).backward()
    assert {name for name, weight in method.named_parameters() if weight.grad is None} == set()
    assert all(float(t.logarithm.grad.abs()) > 0 for t in (method.temperature_mmcl, method.temperature_ssl))


def test_a_temperature_that_left_its_bounds_is_put_back(build, resident):
    method = build()
    with torch.no_grad():
        method.temperature_mmcl.logarithm.fill_(1.0)
        method.temperature_ssl.logarithm.fill_(-10.0)
    step(method, resident, [1, 2])
    # The logarithms themselves: beyond the bounds their gradient vanishes.
    assert float(method.temperature_mmcl.logarithm.detach()) == pytest.approx(0.0)
    assert float(method.temperature_ssl.logarithm.detach()) == pytest.approx(math.log(0.01))
    row = method.after_epoch(1)["temperature"]
    assert row == {"mmcl": pytest.approx(1.0), "ssl": pytest.approx(0.01)}


def test_the_state_of_the_gru_is_probed_and_the_video_head_is_what_meets_the_video(build, batch):
    method = build().eval()
    embedding = method.embed_sensor(batch.sensor)
    resampled = torch.nn.functional.interpolate(batch.sensor, size=400, mode="linear", align_corners=True)
    torch.testing.assert_close(embedding.whole, method.sensor(resampled))
    torch.testing.assert_close(embedding.in_shared_space, method.sensor_mmcl(method.sensor(resampled)))
    torch.testing.assert_close(method.embed_video(batch).in_shared_space, method.video(batch))
    assert method.probed == Primus.probed == "sensor: GRU state"


def test_the_authors_adaptation_probes_the_video_head_and_leaves_the_gru_no_time(build, batch):
    method = build(authors_adaptation=True).eval()
    assert method.probed == "sensor: video head"
    assert Primus.probed == "sensor: GRU state"
    resampled = torch.nn.functional.interpolate(batch.sensor, size=128, mode="linear", align_corners=True)
    embedding = method.embed_sensor(batch.sensor).whole
    torch.testing.assert_close(embedding, method.sensor_mmcl(method.sensor(resampled)))
    assert method.embed_video(batch).whole.shape == embedding.shape == (16, 64)
    assert method.facts["gru_steps"] == 32
    assert method.facts["gru_time_deviation"] == pytest.approx(0.0, abs=1e-6)
    assert build().facts["gru_steps"] == 32
    assert build().facts["gru_time_deviation"] > 0.1


def test_the_authors_adaptation_shakes_and_scales_instead_of_turning_over(build):
    sensor = torch.ones(2, 8, 128)
    view = build(authors_adaptation=True)._views(sensor)
    assert float(view.mean()) == pytest.approx(1.0, abs=0.3)
    assert float(view.std(dim=2).mean()) == pytest.approx(0.1, rel=0.2)
    assert float(build(transforms=("negate",))._views(sensor).mean()) == -1.0


def test_equal_seeds_train_to_equal_bits(build, windows, split, make_resident, toy):
    def trained():
        access = make_resident(windows, split, augmentation=toy.AUGMENTATION)
        method = build(access)
        run = train(method, access, place="x", report=lambda line: None)
        return method, run

    (first, run), (second, _) = trained(), trained()
    other = second.state_dict()
    assert all(torch.equal(value, other[name]) for name, value in first.state_dict().items())
    assert run.rows[0]["neighbours"] == {}
    row = run.rows[-1]
    assert row["losses"].keys() == {"video", "self_supervised", "neighbour_video", "neighbour_sensor", "total"}
    assert row["neighbours"].keys() == {"found", "same_place", "same_action"}
    assert math.isfinite(row["losses"]["total"])
    assert {"queue_size", "gru_steps", "gru_time_deviation"} <= run.facts.keys()


def test_the_queue_stays_out_of_the_checkpoint(build, resident):
    method = build()
    before = set(method.state_dict())
    step(method, resident, [0, 1])
    assert set(method.state_dict()) == before
    assert not any("queue" in name for name in before)


def test_training_learns(build, resident, toy):
    method = build(epochs=6)
    run = train(method, resident, place="x", report=lambda line: None)
    assert run.rows[-1]["losses"]["total"] < 0.9 * run.rows[1]["losses"]["total"]
