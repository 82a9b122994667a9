from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from detach_core.foundation.errors import UserError
from detach_core.methods.batch import MEAN_FRAME, SENSOR
from detach_core.methods.method import Embedding, Method
from detach_core.methods.registry import TrainedSettings
from detach_core.settings.shared import OptimizerSettings
from detach_core.training.batches import input_shape
from detach_core.training.loop import (
    collapse_of,
    learning_rate_of_run,
    make_optimizer,
    monitored_features,
    recall_at,
    scaled_learning_rate,
    train,
)


def test_rate_times_steps_is_that_of_the_papers_run():
    lr = scaled_learning_rate(1e-4, max_lr=2e-3, num_steps=200, paper_steps=800)
    assert lr * 200 == pytest.approx(1e-4 * 800)


def test_the_rate_is_capped():
    assert scaled_learning_rate(1e-4, max_lr=2e-3, num_steps=1, paper_steps=800) == 2e-3


def test_without_the_papers_steps_the_rate_stays():
    assert scaled_learning_rate(1e-4, max_lr=1e-6, num_steps=3, paper_steps=None) == 1e-4


def test_no_steps_are_refused():
    with pytest.raises(ValueError, match="num_steps"):
        scaled_learning_rate(1e-4, max_lr=1.0, num_steps=0, paper_steps=1)


@pytest.mark.parametrize(
    ("section", "expected"), [({}, 1e-4), ({"paper_steps": 800}, 8e-4), ({"paper_steps": 800, "lr": 2e-4}, 1.6e-3)]
)
def test_a_section_may_have_its_own_rate_and_steps(section, expected):
    optimizer = OptimizerSettings(lr=1e-4, weight_decay=0.0, max_lr=1.0)
    settings = TrainedSettings(**{"paper_steps": None, "optimizer": optimizer, **section})
    assert learning_rate_of_run(settings, 100) == pytest.approx(expected)


def test_only_what_is_trainable_is_optimised():
    first = nn.Linear(2, 2)
    network = nn.Sequential(first, nn.Linear(2, 2))
    first.requires_grad_(False)
    optimizer = make_optimizer(network.parameters(), lr=0.1, settings=OptimizerSettings(weight_decay=0.5))
    assert len(optimizer.param_groups[0]["params"]) == 2
    before = first.weight.clone()
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert torch.equal(first.weight, before)


def test_a_parameter_without_gradient_is_left_alone_by_weight_decay():
    layer = nn.Linear(2, 2)
    before = layer.weight.clone()
    make_optimizer(layer.parameters(), lr=0.1, settings=OptimizerSettings(weight_decay=0.5)).step()
    assert torch.equal(layer.weight, before)


def test_recall_counts_rows_whose_own_column_is_near_the_top():
    similarity = torch.tensor([[0.9, 0.1, 0.0], [0.8, 0.5, 0.1], [0.3, 0.2, 0.1]])
    assert recall_at(similarity, (1, 2, 3)) == pytest.approx({"r1": 1 / 3, "r2": 2 / 3, "r3": 1.0})


def test_ties_count_against_the_row():
    assert recall_at(torch.zeros(4, 4), (1, 4)) == {"r1": 0.0, "r4": 1.0}


class Twin(torch.nn.Module):
    """Embeds sensor and video alike by the window's mean sensor value, or not at all."""

    video_modalities = frozenset({MEAN_FRAME})

    def __init__(self, has_video):
        super().__init__()
        self.has_video = has_video

    def embed_sensor(self, sensor):
        assert not self.training
        return Embedding(sensor.flatten(1))

    def embed_video(self, batch):
        return Embedding(batch.sensor.flatten(1)) if self.has_video else None


def test_equal_embeddings_are_all_found_and_the_mode_is_put_back(resident):
    method: Any = Twin(True).train()
    found = monitored_features(method, resident, "monitor").retrieval
    assert found["gallery"] == 48
    assert found["sensor_to_video"]["r1"] == 1.0
    assert method.training


def test_a_method_without_video_space_reports_nothing(resident):
    method: Any = Twin(False)
    features = monitored_features(method, resident, "monitor")
    assert features.retrieval == {}
    assert features.mean_cosines.keys() == {"sensor"}


def test_the_mean_cosine_is_that_of_different_windows(resident):
    batch = next(resident.batches("monitor", modalities={SENSOR}))
    rows = torch.nn.functional.normalize(batch.sensor.flatten(1).double(), dim=1)
    cosines = [float(one @ other) for k, one in enumerate(rows) for j, other in enumerate(rows) if k != j]
    method: Any = Twin(True)
    found = monitored_features(method, resident, "monitor").mean_cosines
    assert found == pytest.approx(dict.fromkeys(("sensor", "video"), sum(cosines) / len(cosines)))


def losses(chance=4.159, **values):
    return {"losses": values, "chance_losses": {name: chance for name in values if name != "total"}}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"mean_cosine_training": {"sensor": 0.949}}], ""),
        ([{"mean_cosine_training": {"sensor": 0.951}}], "mean cosine of `sensor` 0.951"),
        # Tested windows say nothing, nor does the video of a fixed camera.
        ([{"mean_cosine_unseen": {"sensor": 0.99}, "mean_cosine_training": {"sensor": 0.2, "video": 0.99}}], ""),
        # A half that is one vector, beside one that is not.
        (
            [{"mean_cosine_training": {"sensor": 0.54, "sensor_spatial": 0.08, "sensor_temporal": 1.0}}],
            "mean cosine of `sensor_temporal` 1.000",
        ),
        ([{"mean_cosine_training": {"sensor": 0.3, "sensor_shared": 0.96}}], "mean cosine of `sensor_shared` 0.960"),
        # What was alike before the last epoch no longer is.
        ([{"mean_cosine_training": {"sensor": 0.99}}, {"mean_cosine_training": {"sensor": 0.2}}], ""),
        ([losses(contrastive=4.10, total=4.10)], ""),
        ([losses(contrastive=4.13, total=4.13)], "loss contrastive 4.130 of 4.159 at chance, 100% of the total"),
        (
            [losses(0.04159, contrastive=0.04161, total=1.082)],
            "loss contrastive 0.04161 of 0.04159 at chance, 4% of the total",
        ),
        (
            [losses(a=9.0, b=1.0, total=10.0)],
            "loss a 9.000 of 4.159 at chance, 90% of the total",
        ),
        # A teacher counts by its own last epoch, and by no earlier one.
        (
            [losses(teacher=4.15, total=4.15), losses(student=1.0, total=1.0)],
            "loss teacher 4.150 of 4.159 at chance, 100% of the total",
        ),
        ([losses(teacher=4.15, total=4.15), losses(teacher=2.0, total=2.0), losses(student=1.0, total=1.0)], ""),
        ([losses(0.0, a=0.0, total=0.0)], ""),
        ([{}], ""),
    ],
)
def test_a_training_has_collapsed_by_its_features_or_its_contrast(rows, words):
    assert collapse_of(rows) == words


SETTINGS = TrainedSettings(paper_steps=None, optimizer=OptimizerSettings(lr=1e-2, weight_decay=0.0, max_lr=1.0))


class Recorder(Method[TrainedSettings]):
    """Fits one number to the mean of the sensor; writes down every call."""

    probed = "test"
    modalities = frozenset({SENSOR})

    def __init__(self, shape, *, epochs=4, batch_size=16, finished_after=99, factor=1.0):
        super().__init__(SETTINGS, shape, None)
        self.weight = nn.Parameter(torch.zeros(1))
        self.num_epochs, self.batch_size = epochs, batch_size
        self.finished_after, self.factor, self.calls, self.seen = finished_after, factor, [], []

    embedding_dim = 1

    def embed_sensor(self, sensor):
        return Embedding(sensor.mean(dim=(1, 2))[:, None] * self.weight)

    def before_training(self, windows, *, num_steps):
        self.calls.append(f"before {num_steps}")
        return {"fact": 1}

    def before_epoch(self, epoch):
        self.calls.append(f"epoch {epoch}")

    def losses(self, batch):
        assert self.training
        assert batch.label is None
        self.seen.append(batch.position)
        return {"near": (self.weight - 1.0).square().sum(), "small": 0.5 * self.weight.square().sum()}

    def after_step(self):
        self.calls.append("step")

    def after_epoch(self, epoch):
        self.calls.append(f"after {epoch}")
        self.last = epoch
        return {"mine": epoch}

    @property
    def is_finished(self):
        return self.last >= self.finished_after

    def learning_rate_factor(self, share):
        return self.factor if share > 0 else 1.0


def run(method, resident, **changes):
    arguments = {
        "place": "methods.test",
        "report": lambda line: None,
        "snapshots": (0.0, 0.5, 1.0),
    }
    return train(method, resident, **{**arguments, **changes})


def test_the_protocol_is_called_in_order(resident, windows):
    method = Recorder(input_shape(windows), epochs=2)
    run(method, resident)
    steps = ["step"] * 4
    assert method.calls == ["before 8", "after 0", "epoch 1", *steps, "after 1", "epoch 2", *steps, "after 2"]


def test_terms_are_added_and_minimised(resident, windows):
    method = Recorder(input_shape(windows), epochs=60)
    training = run(method, resident)
    assert float(method.weight.detach()) == pytest.approx(2 / 3, abs=0.05)
    first, last = training.rows[1]["losses"], training.rows[-1]["losses"]
    assert first["total"] == pytest.approx(first["near"] + first["small"])
    assert last["total"] < first["total"]


def test_rows_hold_what_the_history_needs(resident, windows):
    training = run(Recorder(input_shape(windows)), resident)
    assert [row["epoch"] for row in training.rows] == [0, 1, 2, 3, 4]
    row = training.rows[-1]
    assert (row["steps"], row["windows"], row["mine"]) == (4, 64, 4)
    assert row["windows_per_s"] > 0
    assert training.facts["fact"] == 1
    assert training.facts["learning_rate"] == 1e-2


def test_weights_are_kept_before_any_step_and_at_the_shares_asked_for(resident, windows):
    training = run(Recorder(input_shape(windows)), resident)
    assert sorted(training.snapshots) == [0, 2, 4]
    values = [float(training.snapshots[epoch]["weight"]) for epoch in (0, 2, 4)]
    assert values[0] == 0.0
    assert values[0] < values[1] < values[2]


def test_a_method_may_finish_early(resident, windows):
    training = run(Recorder(input_shape(windows), finished_after=2), resident)
    assert training.num_epochs == 2
    assert training.rows[-1]["epoch"] == 2


def test_a_method_that_is_not_trained_takes_no_step(resident, windows):
    method = Recorder(input_shape(windows), epochs=0)
    training = run(method, resident)
    assert method.calls == ["before 0", "after 0"]
    assert training.num_epochs == 0
    assert "learning_rate" not in training.facts


def test_a_method_may_bend_its_learning_rate(resident, windows):
    still = Recorder(input_shape(windows), factor=0.0)
    rows = run(still, resident).rows
    assert rows[-1]["lr"] == 0.0
    assert float(still.weight.detach()) == pytest.approx(1e-2, rel=0.05)


def test_fewer_windows_than_a_batch_are_one_clear_line(resident, windows):
    with pytest.raises(UserError) as caught:
        run(Recorder(input_shape(windows), batch_size=100), resident)
    for part in ("methods.test.batch_size", "100", "N = 72"):
        assert part in str(caught.value)


def test_a_loss_that_is_no_number_ends_the_run(resident, windows):
    class Broken(Recorder):
        def losses(self, batch):
            return {"broken": self.weight.sum() * float("nan")}

    with pytest.raises(UserError, match="`broken` is nan in epoch 1"):
        run(Broken(input_shape(windows)), resident)


def test_a_warning_of_the_method_is_said_aloud(resident, windows):
    class Anxious(Recorder):
        def after_epoch(self, epoch):
            return super().after_epoch(epoch) | {"warning": "all one class"}

    lines: list[Any] = []
    run(Anxious(input_shape(windows), epochs=1), resident, report=lines.append)
    assert "warning: all one class" in lines[0]


def test_the_order_repeats_with_the_seed(windows, split, make_resident):
    orders = []
    for seed in (0, 0, 1):
        method = Recorder(input_shape(windows), epochs=1)
        run(method, make_resident(windows, split, seed=seed))
        orders.append(torch.cat(method.seen).tolist())
    assert orders[0] == orders[1] != orders[2]
