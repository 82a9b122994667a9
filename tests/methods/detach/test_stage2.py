import math
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import normalize

from detach_core.losses import info_nce
from detach_core.methods.batch import MEAN_FRAME, MOTION, SENSOR
from detach_core.methods.detach.losses import weighted_info_nce
from detach_core.methods.detach.net_change import net_change, net_change_similarity
from detach_core.methods.registry import build_method
from detach_core.training.batches import input_shape
from detach_core.training.loop import train
from detach_core.training.randomness import seed_everything


@pytest.fixture
def build(toy, windows, split, resident):
    statistics = split.normalisation.activation["centred"]
    activation = {"mean": statistics.mean.tolist(), "std": statistics.std.tolist()}

    def make(num_steps=8, **changes):
        seed_everything(0)
        settings = replace(toy.SETTINGS["detach"], **changes)
        method = build_method("detach", settings=settings, shape=input_shape(windows), activation=activation)
        method.before_training(resident, num_steps=num_steps)
        return method

    return make


@pytest.fixture
def batch(resident):
    return resident.gather("pretrain", torch.arange(16), modalities={SENSOR, MOTION, MEAN_FRAME}, augment=False)


def loss_of(method, batch):
    return method.train().losses(batch)["contrastive"].detach()


def features(method, batch):
    """The six features of a batch in training mode, without touching BatchNorm's statistics of the method."""
    import copy

    twin = copy.deepcopy(method).train()
    with torch.no_grad():
        vt, st = twin.video_temporal(batch.motion), twin.sensor_temporal(batch.sensor)
        vs, ss = twin.video_spatial.feature(batch), twin.sensor_spatial(batch.sensor)
    return [normalize(value.double(), dim=1) for value in (vs, ss, vt, st)]


def oracle(vs, ss, vt, st, *, slow=None, hardness=3.0, temperature=0.1):
    """Eqs. 5-13 in loops; the slow copies equal the online networks before the first step."""
    slow_video, slow_sensor = slow or (vt, st)
    count = len(vs)
    similarity = [[float(vs[i] @ ss[j] + vt[i] @ st[j]) / 2 / temperature for j in range(count)] for i in range(count)]
    weight = [[0.0] * count for _ in range(count)]
    for i in range(count):
        for j in range(count):
            if i == j:
                continue
            a = max(0.0, float(vs[i] @ vs[j]), float(ss[i] @ ss[j]))
            t = (float(slow_video[i] @ slow_video[j]) + float(slow_sensor[i] @ slow_sensor[j])) / 2
            weight[i][j] = (1 + (hardness - 1) * a) * (1 - a * max(0.0, t))
    total = 0.0
    for i in range(count):
        rows = sum(weight[i][j] * math.exp(similarity[i][j]) for j in range(count) if j != i)
        columns = sum(weight[j][i] * math.exp(similarity[j][i]) for j in range(count) if j != i)
        own = math.exp(similarity[i][i])
        total += -math.log(own / (own + rows)) - math.log(own / (own + columns))
    return total / count / 2


def test_the_loss_is_equations_5_to_13(build, batch):
    method = build()
    expected = oracle(*features(method, batch))
    assert float(loss_of(method, batch)) == pytest.approx(expected, rel=1e-4)


def test_infonce_is_plain_infonce(build, batch):
    method = build(contrastive="infonce")
    vs, ss, vt, st = features(method, batch)
    expected = info_nce(torch.cat([vs, vt], dim=1), torch.cat([ss, st], dim=1), 0.1)
    assert float(loss_of(method, batch)) == pytest.approx(float(expected), rel=1e-4)


def test_temporal_parts_alone_are_contrasted_alone(build, batch):
    method = build(contrastive="infonce", z_parts=("temporal",))
    _, _, vt, st = features(method, batch)
    assert float(loss_of(method, batch)) == pytest.approx(float(info_nce(vt, st, 0.1)), rel=1e-4)


SWITCHES = [
    {"spatial_weight": False},
    {"temporal_weight": False},
    {"contrastive": "infonce"},
    {"damping": "temporal"},
    {"temporal_similarity": "cross"},
    {"temporal_similarity": "centred"},
    {"temporal_similarity": "cluster_centred"},
    {"temporal_similarity": "net_change"},
    {"temporal_gain": 0.5},
    {"temporal_cue": "trend"},
    {"video_cells": 3},
    {"normalise_weights": "row_mean"},
    {"z_parts": ("temporal",)},
    {"hardness": 2.0},
    {"temperature": 0.2},
    {"flow": False},
    {"time_average": "differences"},
    {"sensor_temporal": "cnn_gru"},
    {"sensor_temporal": "transformer"},
]


@pytest.mark.parametrize("changes", SWITCHES, ids=str)
def test_every_switch_changes_the_loss_and_trains(build, batch, changes):
    method = build(**changes)
    loss = loss_of(method, batch)
    assert bool(torch.isfinite(loss))
    assert float(loss) != pytest.approx(float(loss_of(build(), batch)), rel=1e-6)


def test_without_momentum_encoder_the_online_features_weigh(build, batch, toy):
    with_copies, without = build(), build(momentum_encoder=False)
    assert without.slow is None
    assert float(loss_of(with_copies, batch)) == pytest.approx(float(loss_of(without, batch)), rel=1e-5)
    with torch.no_grad():
        for method in (with_copies, without):
            for weight in method.sensor_temporal.parameters():
                weight.mul_(-1.5)
    assert float(loss_of(with_copies, batch)) != pytest.approx(float(loss_of(without, batch)), rel=1e-5)
    assert without.after_epoch(1)["momentum_left"] is None


def test_by_net_change_the_weights_need_no_momentum_encoders(build, batch):
    method = build(temporal_similarity="net_change")
    assert method.slow is None
    assert not any(name.startswith("slow") for name in method.state_dict())
    change = net_change(method.trend, batch.sensor, batch.motion)
    similarity = net_change_similarity(change)
    vs, ss, vt, st = features(method, batch)
    a = torch.maximum(vs @ vs.T, ss @ ss.T).clamp(0.0, 1.0)
    weight = ((1 + 2 * a) * (1 - a * similarity.clamp(min=0.0))).clamp(min=0.0)
    expected = weighted_info_nce(torch.cat([vs, vt], dim=1), torch.cat([ss, st], dim=1), weight, 0.1)
    assert float(loss_of(method, batch)) == pytest.approx(float(expected), rel=1e-4)
    torch.testing.assert_close(method.eval().pair_values(batch)["temporal_similarity"], similarity)


def test_net_change_tells_the_actions_of_a_place_apart_before_any_training(build, resident):
    batch = resident.gather("pretrain", torch.arange(64), modalities={SENSOR, MOTION, MEAN_FRAME}, augment=False)
    truth = resident.truth("pretrain")
    place, action = truth.location[:64], truth.action[:64]
    similarity = build(temporal_similarity="net_change").eval().pair_values(batch)["temporal_similarity"]
    same_place, same_action = place[:, None] == place, action[:, None] == action
    others = same_place & same_action & ~torch.eye(64, dtype=torch.bool)
    assert float(similarity[others].min()) > 0.2
    assert float(similarity[same_place & ~same_action].max()) < -0.1


def test_net_change_and_trend_are_those_of_unaugmented_windows(build, windows, split, make_resident, toy):
    augmented = make_resident(windows, split, augmentation=toy.AUGMENTATION)
    changes = {"temporal_similarity": "net_change", "temporal_cue": "trend"}
    plain, other = build(**changes), build(**changes)
    other.before_training(augmented, num_steps=8)
    for first, second in zip(plain._change, other._change, strict=True):
        assert torch.equal(first, second)
    assert torch.equal(plain.sensor_temporal.trend.std, other.sensor_temporal.trend.std)
    assert torch.equal(plain.sensor_temporal.trend.std, plain.trend.std)
    assert float(plain.trend.std.min()) > 0


def test_momentum_copies_have_the_statistics_of_the_cue(build):
    method = build(temporal_cue="trend")
    assert torch.equal(method.slow["sensor"].encoder.trend.std, method.sensor_temporal.trend.std)


def test_clusters_are_those_of_the_nearest_centroid_of_stage_1(build, batch, toy):
    method = build(temporal_similarity="cluster_centred")
    stage_1 = {f"sensor.{name}": value for name, value in method.sensor_spatial.encoder.state_dict().items()}
    stage_1 |= {f"video.{name}": value for name, value in method.video_spatial.state_dict().items()}
    feature = normalize(method.sensor_spatial(batch.sensor), dim=1)
    method.load_spatial({**stage_1, "memory.centroid": feature[:4]})
    cluster = method._pair_features(feature, feature, None, ()).cluster
    assert torch.equal(cluster, (feature @ feature[:4].T).argmax(dim=1))
    assert len(cluster.unique()) > 1


def test_no_gradient_reaches_slow_or_frozen_networks(build, batch):
    method = build().train()
    torch.autograd.backward(method.losses(batch)["contrastive"])
    with_gradient = {name.split(".")[0] for name, weight in method.named_parameters() if weight.grad is not None}
    assert with_gradient == {"sensor_temporal", "video_temporal"}


def test_overlapping_windows_are_left_out_of_the_negatives_when_asked(build, batch, windows):
    batch.start_s.copy_(torch.arange(16.0) * 0.5)
    overlaps = build(mask_overlap=True)._overlaps(batch)
    expected = (torch.arange(16)[:, None] - torch.arange(16)).abs() < 4
    assert torch.equal(overlaps, expected)
    batch.recording[8:] = 99
    assert not build(mask_overlap=True)._overlaps(batch)[7, 8]
    assert float(loss_of(build(mask_overlap=True), batch)) < float(loss_of(build(), batch))


def test_slow_copies_follow_by_the_exact_average_after_three_steps(build):
    method = build(momentum=0.9, momentum_left=None, epochs=2, num_steps=6)
    name = "projection"
    online = getattr(method.video_temporal, name)
    start = online.detach().clone().double()
    expected = start.clone()
    for step in range(1, 4):
        with torch.no_grad():
            online.copy_(start + step)
        expected = 0.9 * expected + 0.1 * (start + step)
        method.after_step()
    slow = getattr(method.slow["video"].encoder, name).double()
    torch.testing.assert_close(slow, expected, atol=1e-5, rtol=0)
    assert method.after_epoch(1)["momentum_left"] == pytest.approx(0.9**3)


@pytest.mark.parametrize(("left", "expected"), [(0.1, 0.1 ** (1 / 100)), (None, 0.999), (0.99, 0.999)])
def test_momentum_is_lowered_to_leave_at_most_the_share_asked_for(build, left, expected):
    assert build(num_steps=100, momentum_left=left).momentum == pytest.approx(expected)


def test_stage_1_is_not_changed_by_a_bit(build, resident, toy):
    method = build()
    frozen = {
        name: value.clone()
        for name, value in method.state_dict().items()
        if name.startswith(("sensor_spatial", "video_spatial"))
    }
    running = [name for name in frozen if "running" in name or "num_batches" in name]
    assert running
    train(method, resident, place="x", report=lambda line: None)
    assert all(torch.equal(value, method.state_dict()[name]) for name, value in frozen.items())
    assert not any(name in frozen for name in method.snapshot_state())


def test_slow_copies_keep_their_own_batch_norm_statistics(build, resident, toy):
    method = build()
    train(method, resident, place="x", report=lambda line: None)
    slow, online = method.slow["video"].encoder, method.video_temporal
    norms = [
        (a, b) for a, b in zip(slow.modules(), online.modules(), strict=True) if isinstance(a, torch.nn.BatchNorm3d)
    ]
    assert norms
    for own, others in norms:
        assert int(own.num_batches_tracked) == int(others.num_batches_tracked) == 8
        assert not torch.equal(own.running_mean, others.running_mean)


def test_spatial_features_are_computed_once_and_unaugmented(build, windows, split, make_resident, toy):
    augmented = make_resident(windows, split, augmentation=toy.AUGMENTATION)
    plain, other = build(), build()
    other.before_training(augmented, num_steps=8)
    assert torch.equal(plain._video_spatial, other._video_spatial)
    assert torch.equal(plain._sensor_spatial, other._sensor_spatial)
    assert plain.modalities == {SENSOR, MOTION}


def test_the_probed_feature_is_both_halves_at_length_1(build, batch):
    embedding = build(z_parts=("temporal",)).eval().embed_sensor(batch.sensor)
    assert embedding.whole.shape == (16, 64)
    torch.testing.assert_close(embedding.whole, torch.cat([embedding.spatial, embedding.temporal], dim=1))
    torch.testing.assert_close(embedding.spatial.norm(dim=1), torch.ones(16))


def test_rows_hold_what_is_always_logged(build, resident):
    method = build()
    training = train(method, resident, place="x", report=lambda line: None, snapshots=(0, 1))
    row = training.rows[-1]
    assert {"momentum_left", "pairs", "retrieval_training", "retrieval_unseen"} <= row.keys()
    assert row["pairs"].keys() == {"spatial_similarity", "temporal_similarity", "weight"}
    assert row["pairs"]["weight"].keys() == {"easy", "hard", "false"}
    assert row["momentum_left"] == pytest.approx(0.1)
    assert training.facts["spatial_offset"].keys() == {"diagonal", "off_diagonal", "sd"}
    first = training.snapshots[0]
    name = "projection"
    assert torch.equal(first[f"video_temporal.{name}"], first[f"slow.video.encoder.{name}"])
    last = training.snapshots[2]
    assert not torch.equal(last[f"video_temporal.{name}"], last[f"slow.video.encoder.{name}"])
