import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from detach_core.contracts.analysis import NO_PAIR
from detach_core.contracts.windows import ClassAspect
from detach_core.evaluation.negative_pairs import draw_windows, kinds_of_pairs, pairs_over_training
from detach_core.methods.batch import FRAMES, MEAN_FRAME, MOTION, SENSOR
from detach_core.methods.registry import build_method
from detach_core.settings.shared import OptimizerSettings
from detach_core.training.batches import input_shape
from detach_core.training.loop import train
from detach_core.training.randomness import seed_everything

PLACES = ClassAspect.of_names(("Fridge", "Fridge", "Door 1", "Door 1", ""))
ACTIONS = ClassAspect.of_names(("Open", "Close", "Open", "Close", ""))


@pytest.fixture
def trained(toy, windows, split, resident):
    """Makes a variant that was trained for two epochs, with its snapshots."""
    statistics = split.normalisation.activation["centred"]
    activation = {"mean": statistics.mean.tolist(), "std": statistics.std.tolist()}

    def make(**changes):
        seed_everything(0)
        optimizer = OptimizerSettings(lr=1e-2, weight_decay=0.0, max_lr=1e-2)
        settings = replace(toy.SETTINGS["detach"], **{"optimizer": optimizer, **changes})
        method = build_method("detach", settings=settings, shape=input_shape(windows), activation=activation)
        run = train(method, resident, place="x", report=lambda line: None, snapshots=settings.snapshots)
        return method, run.snapshots

    return make


@pytest.fixture
def batch(resident):
    return resident.gather("pretrain", torch.arange(24), modalities={SENSOR, MOTION, MEAN_FRAME, FRAMES}, augment=False)


def oracle(method, batch, state, *, settings):
    """A, T and W from the definitions, on a copy of the method in the state of a snapshot."""
    twin = copy.deepcopy(method)
    twin.load_state_dict({**twin.state_dict(), **state})
    video, sensor = twin.video_temporal, twin.sensor_temporal
    if settings.get("momentum_encoder", True):
        video, sensor = twin.slow["video"].encoder, twin.slow["sensor"].encoder
    with torch.no_grad():
        twin.eval()
        parts = [twin.video_spatial.feature(batch), twin.sensor_spatial(batch.sensor)]
        parts += [video.train()(batch.motion), sensor.train()(batch.sensor)]
    vs, ss, vt, st = ((unit := normalize(part.double(), dim=1)) @ unit.T for part in parts)
    a, t = torch.maximum(vs, ss).clamp(min=0.0), (vt + st) / 2
    w = (1 + 2 * a) * (1 - a * t.clamp(min=0.0))
    return a.numpy(), t.numpy(), w.numpy()


@pytest.mark.parametrize("changes", [{}, {"momentum_encoder": False}], ids=str)
def test_each_snapshot_gives_the_pairs_that_its_networks_saw(trained, batch, changes):
    method, snapshots = trained(**changes)
    final = {name: value.clone() for name, value in method.state_dict().items()}
    found = list(pairs_over_training(method, batch, trained=final, snapshots=snapshots))
    assert [one.epoch for one in found] == [0, 1, 2]
    off_diagonal = ~np.eye(len(batch), dtype=bool)
    for one in found:
        a, t, w = oracle(method, batch, snapshots[one.epoch], settings=changes)
        np.testing.assert_allclose(one.spatial_similarity, a, atol=1e-5)
        np.testing.assert_allclose(one.temporal_similarity, t, atol=1e-4)
        np.testing.assert_allclose(one.weight[off_diagonal], w[off_diagonal], atol=2e-4)
        assert (one.weight.diagonal() == 0).all()
        assert one.weight.dtype == np.float32
    assert np.array_equal(found[0].spatial_similarity, found[2].spatial_similarity)
    assert np.abs(found[0].temporal_similarity - found[2].temporal_similarity).max() > 0.01


def test_the_start_is_not_seen_through_batch_statistics_of_no_data(trained, batch):
    method, snapshots = trained()
    final = {name: value.clone() for name, value in method.state_dict().items()}
    start = next(pairs_over_training(method, batch, trained=final, snapshots=snapshots))
    method.restore({**final, **snapshots[0]})
    running = method.eval().pair_values(batch)["temporal_similarity"].numpy()
    assert running.min() > start.temporal_similarity.min() + 0.01


def test_looking_leaves_no_trace_in_later_epochs_and_repeats(trained, batch):
    method, snapshots = trained()
    final = {name: value.clone() for name, value in method.state_dict().items()}
    once = list(pairs_over_training(method, batch, trained=final, snapshots=snapshots))
    last = list(pairs_over_training(method, batch, trained=final, snapshots={2: snapshots[2]}))
    np.testing.assert_array_equal(once[2].weight, last[0].weight)
    assert not any(value.requires_grad for value in method.pair_values(batch).values())


def test_plain_infonce_weighs_all_pairs_alike(trained, batch):
    method, snapshots = trained(contrastive="infonce")
    final = dict(method.state_dict())
    for one in pairs_over_training(method, batch, trained=final, snapshots=snapshots):
        np.testing.assert_array_equal(one.weight, 1.0 - np.eye(len(batch)))
        assert np.ptp(one.temporal_similarity) > 0.01


def test_kinds_are_told_by_place_and_action_above_the_diagonal():
    found = kinds_of_pairs(np.array([0, 0, 1, 2, 4, -1]), PLACES, ACTIONS)
    assert found.kind_names == ("easy", "hard", "false")
    easy, hard, false = range(3)
    expected = np.full((6, 6), NO_PAIR)
    expected[0, 1:4] = false, hard, easy
    expected[1, 2:4] = hard, easy
    expected[2, 3] = easy
    np.testing.assert_array_equal(found.kind, expected)
    assert found.place_names == ("Fridge", "Door 1")
    assert [found.place_names[place] for place in found.place[:4]] == ["Fridge", "Fridge", "Fridge", "Door 1"]
    assert [found.action_names[action] for action in found.action[:4]] == ["Open", "Open", "Close", "Open"]
    assert found.place[4:].tolist() == found.action[4:].tolist() == [-1, -1]


def test_classes_without_places_are_refused():
    for places, actions in ((("", ""), ("", "")), (("Fridge", ""), ("", "Open")), (("Fridge", "Door"), ("", ""))):
        with pytest.raises(ValueError, match="no class has a place and an action"):
            kinds_of_pairs(np.array([0, 1]), ClassAspect.of_names(places), ClassAspect.of_names(actions))


def test_the_batch_is_drawn_once_for_a_seed_and_takes_all_of_a_small_part():
    part = np.arange(100, 400, 3)
    drawn = draw_windows(part, 20, seed=5)
    assert len(set(drawn.tolist())) == 20
    assert set(drawn) <= set(part)
    assert (np.diff(drawn) > 0).all()
    np.testing.assert_array_equal(drawn, draw_windows(part, 20, seed=5))
    assert not np.array_equal(drawn, draw_windows(part, 20, seed=6))
    np.testing.assert_array_equal(draw_windows(part[::-1], 500, seed=5), part)
