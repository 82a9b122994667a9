"""COMODO: a teacher that learns from two views, then a student that learns to rank its queue."""

import math
from dataclasses import replace

import pytest
import torch

from detach_core.methods.batch import FRAMES, SENSOR
from detach_core.methods.comodo.distillation import queue_distillation, target_entropy
from detach_core.methods.registry import build_method
from detach_core.settings.shared import OptimizerSettings
from detach_core.training.batches import input_shape
from detach_core.training.loop import make_optimizer, retrieval, train
from detach_core.training.randomness import seed_everything

FIRST_STUDENT = 3


def build(toy, windows, **changes):
    seed_everything(0)
    return build_method("comodo", settings=replace(toy.SETTINGS["comodo"], **changes), shape=input_shape(windows))


@pytest.fixture
def method(toy, windows, resident):
    method = build(toy, windows)
    method.before_training(resident, num_steps=36)
    return method


def enter(method, epoch):
    method.before_epoch(epoch)
    method.train()


def gather(method, access, *position):
    return access.gather("pretrain", torch.tensor(position), modalities=method.modalities, augment=True)


def take_steps(method, access, optimizer, count=3):
    for step in range(count):
        optimizer.zero_grad(set_to_none=True)
        batch = gather(method, access, *range(8 * step, 8 * step + 8))
        sum(method.losses(batch).values()).backward()
        optimizer.step()
        method.after_step()


def state(method, part):
    return {name: value.clone() for name, value in method.state_dict().items() if name.startswith(part)}


def is_unmoved(method, before):
    return all(torch.equal(value, method.state_dict()[name]) for name, value in before.items())


def test_each_phase_asks_for_what_it_looks_at(method):
    asked = []
    for epoch in range(1, method.num_epochs + 1):
        method.before_epoch(epoch)
        asked.append((method.phase, *method.modalities))
    assert asked == [("teacher", FRAMES)] * 2 + [("student", SENSOR)] * 2


def test_a_phase_moves_its_own_network_alone_whatever_the_optimiser_remembers(toy, method, resident):
    # Weight decay and momentum would move a weight whose gradient is zero; one without a gradient is left alone.
    optimizer = make_optimizer(method.parameters(), lr=1e-2, settings=OptimizerSettings(weight_decay=0.1))
    enter(method, 1)
    teacher, sensor = state(method, "teacher"), state(method, "sensor")
    take_steps(method, resident, optimizer)
    assert is_unmoved(method, sensor)
    assert not is_unmoved(method, teacher)
    enter(method, FIRST_STUDENT)
    teacher = state(method, "teacher")
    take_steps(method, resident, optimizer)
    assert is_unmoved(method, teacher)
    assert not is_unmoved(method, sensor)


def test_the_targets_are_the_frozen_teacher_s_unaugmented_embeddings(method, resident):
    enter(method, FIRST_STUDENT)
    batch = resident.gather("pretrain", torch.tensor([5, 60, 2]), modalities={FRAMES}, augment=False)
    torch.testing.assert_close(method._embedding[batch.position], method.teacher(batch))
    assert len(method._embedding) == resident.num_windows("pretrain")


def test_the_loss_ranks_the_queue_and_the_batch(toy, windows, resident):
    method = build(toy, windows, centre_teacher=True)  # an untrained teacher says the same of everything otherwise
    method.before_training(resident, num_steps=1)
    enter(method, FIRST_STUDENT)
    batch = gather(method, resident, 3, 11, 40)
    teacher = method._embedding[batch.position]
    ranked = torch.cat([method._queue, teacher])
    method.eval()
    expected = queue_distillation(
        method.sensor(batch.sensor), teacher, ranked, teacher_temperature=0.1, student_temperature=0.05
    )
    assert torch.equal(method.losses(batch)["distillation"], expected)


def test_the_queue_starts_with_training_windows_of_the_teacher(method, resident):
    assert method.queue_size == resident.num_windows("pretrain") // 4 == 18
    enter(method, FIRST_STUDENT)
    found = [int((method._embedding == row).all(dim=1).nonzero()[0]) for row in method._queue]
    assert len(set(found)) == 18
    assert found != sorted(found)


def test_batches_enter_the_queue_and_the_oldest_leave_it(method, resident):
    enter(method, FIRST_STUDENT)
    known, start = method._embedding, method._queue.clone()
    for first in (0, 8, 16):
        method.losses(gather(method, resident, *range(first, first + 8)))
        method.after_step()
        start = torch.cat([start[8:], known[first : first + 8]])
        assert torch.equal(method._queue, start)
    # A batch beyond the queue's size leaves its last windows.
    method.losses(gather(method, resident, *range(30)))
    method.after_step()
    assert torch.equal(method._queue, known[12:30])


@pytest.mark.parametrize(("asked", "size"), [(4, 4), (18, 18), (5000, 18)])
def test_the_queue_is_at_most_a_quarter_of_the_windows(toy, windows, resident, asked, size):
    method = build(toy, windows, queue=asked)
    assert method.before_training(resident, num_steps=1)["queue"] == size
    enter(method, FIRST_STUDENT)
    assert len(method._queue) == size


def test_the_history_says_how_much_the_targets_say(method, resident):
    assert method.after_epoch(0) == {"phase": "start"}
    enter(method, 1)
    method.losses(gather(method, resident, *range(8)))
    row = method.after_epoch(1)
    assert row["phase"] == "teacher"
    assert row["teacher_views"]["gallery"] == 8
    enter(method, FIRST_STUDENT)
    batches, entropies = [range(8), range(20, 28)], []
    for positions in batches:
        batch = gather(method, resident, *positions)
        teacher = method._embedding[batch.position]
        entropies.append(float(target_entropy(teacher, torch.cat([method._queue, teacher]), 0.1)))
        method.losses(batch)
        method.after_step()
    row = method.after_epoch(FIRST_STUDENT)
    assert row["target_entropy"] == pytest.approx(sum(entropies) / 2)
    assert row["target_entropy_maximum"] == math.log(18 + 8)
    assert row["target_entropy"] < row["target_entropy_maximum"] + 1e-5
    assert -1.0 <= row["teacher_mean_cosine"] <= 1.0


def test_an_untrained_teacher_s_target_is_almost_uniform_and_centring_mends_it(toy, windows, resident):
    entropy = {}
    for centred in (False, True):
        method = build(toy, windows, centre_teacher=centred)
        method.before_training(resident, num_steps=1)
        enter(method, FIRST_STUDENT)
        method.losses(gather(method, resident, *range(8)))
        entropy[centred] = method.after_epoch(FIRST_STUDENT)["target_entropy"]
    assert entropy[False] > 0.98 * math.log(26) > entropy[True]


def test_views_that_augmentation_does_not_tell_apart_are_reported(toy, windows, split, make_resident):
    method = build(toy, windows)
    assert "augmentation is off" in method.before_training(make_resident(windows, split), num_steps=1)["warning"]
    access = make_resident(windows, split, augmentation=toy.AUGMENTATION)
    assert "warning" not in method.before_training(access, num_steps=1)


def test_the_rate_rises_for_a_tenth_of_each_phase_and_falls_to_zero(toy, windows):
    method = build(toy, windows, teacher_epochs=6, epochs=3)
    factor = method.learning_rate_factor
    for start, length in ((0.0, 2 / 3), (2 / 3, 1 / 3)):
        assert factor(start) == pytest.approx(0.0, abs=1e-9)
        assert factor(start + 0.05 * length) == pytest.approx(0.5)
        assert factor(start + 0.1 * length) == pytest.approx(1.0)
        assert factor(start + 0.55 * length) == pytest.approx(0.5)
        assert 0.0 <= factor(start + 0.999 * length) < 0.01
    assert all(0.0 <= factor(step / 999) <= 1.0 for step in range(999))


def test_the_frozen_teacher_is_not_asked_again_for_retrieval(method, resident):
    assert method.video_modalities == {FRAMES}
    enter(method, 1)
    assert retrieval(method, resident, "monitor") == {}
    enter(method, FIRST_STUDENT)
    assert method.video_modalities == frozenset()
    for part in ("pretrain", "monitor"):
        batch = next(resident.batches(part, modalities={FRAMES}))
        remembered = method.embed_video(next(resident.batches(part, modalities=method.video_modalities))).whole
        torch.testing.assert_close(remembered, method.teacher(batch))
        torch.testing.assert_close(method.embed_video(batch).whole, remembered)


def test_a_rebuilt_method_asks_its_teacher_for_any_window(toy, windows, method, resident):
    enter(method, FIRST_STUDENT)
    again = build(toy, windows)
    again.restore(method.state_dict())
    assert again.video_modalities == {FRAMES}
    batch = next(resident.batches("monitor", modalities={FRAMES}))
    torch.testing.assert_close(again.eval().embed_video(batch).whole, method.embed_video(batch).whole)


def test_equal_seeds_give_equal_runs(toy, windows, split, make_resident):
    states = []
    for _ in range(2):
        method = build(toy, windows)
        access = make_resident(windows, split, augmentation=toy.AUGMENTATION)
        train(method, access, place="x", report=lambda line: None)
        states.append(method.state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_the_teacher_tells_windows_apart_and_the_student_learns_from_it(toy, windows, split, make_resident):
    method = build(toy, windows, teacher_epochs=12, epochs=20)
    access = make_resident(windows, split, augmentation=toy.AUGMENTATION)
    rows = train(method, access, place="x", report=lambda line: None).rows
    teacher, student = ([row for row in rows if row["phase"] == phase] for phase in ("teacher", "student"))
    assert len(teacher) == 12
    assert len(student) == 20
    assert teacher[-1]["teacher_views"]["r1"] > teacher[0]["teacher_views"]["r1"] + 0.2
    assert "retrieval_training" not in teacher[-1]
    assert student[-1]["losses"]["distillation"] < student[0]["losses"]["distillation"] - 0.2
    assert student[-1]["retrieval_training"]["sensor_to_video"]["r5"] > 0.25
