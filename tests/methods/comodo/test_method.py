"""COMODO: its loss, its teacher and its student."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from detach_core.losses import mean_cosine, two_view_contrast
from detach_core.methods.batch import FRAMES, MEAN_FRAME, MOTION, SENSOR
from detach_core.methods.comodo.method import (
    ComodoTeacher,
    alternate_frames,
    queue_distillation,
    target_entropy,
)
from detach_core.methods.registry import build_method
from detach_core.settings.shared import OptimizerSettings
from detach_core.training.batches import input_shape
from detach_core.training.loop import make_optimizer, monitored_features, train
from detach_core.training.randomness import seed_everything

TEMPERATURES = {"teacher_temperature": 0.1, "student_temperature": 0.05}


def draw(count=5, others=9, dim=4, dtype=torch.float64):
    return (torch.randn(n, dim, dtype=dtype) for n in (count, count, others))


def cosine(first, second):
    length = math.sqrt(sum(x * x for x in first)) * math.sqrt(sum(x * x for x in second))
    return sum(x * y for x, y in zip(first, second, strict=True)) / length


def distribution(embedding, queue, temperature):
    powers = [math.exp(cosine(embedding, other) / temperature) for other in queue]
    return [power / sum(powers) for power in powers]


def test_the_loss_is_the_cross_entropy_of_both_distributions_written_out():
    student, teacher, queue = draw()
    expected = 0.0
    for one, other in zip(student.tolist(), teacher.tolist(), strict=True):
        target = distribution(other, queue.tolist(), 0.1)
        guess = distribution(one, queue.tolist(), 0.05)
        expected -= sum(p * math.log(q) for p, q in zip(target, guess, strict=True)) / len(student)
    assert abs(float(queue_distillation(student, teacher, queue, **TEMPERATURES)) - expected) < 1e-9


def test_the_entropy_is_its_formula_written_out():
    _, teacher, queue = draw()
    expected = 0.0
    for row in teacher.tolist():
        expected -= sum(p * math.log(p) for p in distribution(row, queue.tolist(), 0.1)) / len(teacher)
    assert abs(float(target_entropy(teacher, queue, 0.1)) - expected) < 1e-9


def test_a_student_that_is_the_teacher_pays_the_entropy_at_equal_temperatures():
    _, teacher, queue = draw()
    loss = queue_distillation(teacher, teacher, queue, teacher_temperature=0.2, student_temperature=0.2)
    assert abs(float(loss) - float(target_entropy(teacher, queue, 0.2))) < 1e-12


def test_the_loss_is_never_below_the_entropy():
    for _ in range(20):
        student, teacher, queue = draw()
        assert queue_distillation(student, teacher, queue, **TEMPERATURES) >= target_entropy(teacher, queue, 0.1)


def test_a_queue_of_equal_embeddings_gives_a_uniform_target():
    teacher = torch.randn(3, 4)
    assert abs(float(target_entropy(teacher, torch.ones(7, 4), 0.1)) - math.log(7)) < 1e-5


def test_lengths_do_not_matter_and_zero_rows_are_safe():
    student, teacher, queue = draw()
    whole = queue_distillation(student, teacher, queue, **TEMPERATURES)
    torch.testing.assert_close(queue_distillation(3 * student, 5 * teacher, 7 * queue, **TEMPERATURES), whole)
    dead = torch.zeros(5, 4, requires_grad=True)
    loss = queue_distillation(dead, torch.zeros(5, 4), queue.float(), **TEMPERATURES)
    loss.backward()
    assert abs(float(loss.detach()) - math.log(9)) < 1e-5
    assert bool(torch.isfinite(dead.grad).all())


def test_the_gradient_reaches_the_student_alone():
    student, teacher, queue = (value.requires_grad_() for value in draw())
    queue_distillation(student, teacher, queue, **TEMPERATURES).backward()
    assert float(student.grad.abs().sum()) > 0
    assert teacher.grad is None
    assert queue.grad is None
    assert not target_entropy(teacher, queue, 0.1).requires_grad


def test_half_precision_is_computed_in_full():
    student, teacher, queue = draw(dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = queue_distillation(student, teacher, queue, **TEMPERATURES)
    assert under.dtype == torch.float32
    assert torch.equal(under, queue_distillation(student, teacher, queue, **TEMPERATURES))


def test_a_queue_of_one_teaches_nothing():
    student, teacher, queue = draw(others=1)
    assert float(queue_distillation(student, teacher, queue, **TEMPERATURES)) == 0.0
    assert float(target_entropy(teacher, queue, 0.1)) == 0.0


def test_what_does_not_fit_is_refused():
    student, teacher, queue = draw()
    with pytest.raises(ValueError, match="student and teacher"):
        queue_distillation(student[:3], teacher, queue, **TEMPERATURES)
    with pytest.raises(ValueError, match="a queue"):
        queue_distillation(student, teacher, queue[:, :3], **TEMPERATURES)
    with pytest.raises(ValueError, match="empty"):
        target_entropy(teacher, queue[:0], 0.1)
    with pytest.raises(ValueError, match="empty"):
        queue_distillation(student[:0], teacher[:0], queue, **TEMPERATURES)
    with pytest.raises(ValueError, match="temperature"):
        queue_distillation(student, teacher, queue, teacher_temperature=0.0, student_temperature=0.1)
    with pytest.raises(ValueError, match="temperature"):
        queue_distillation(student, teacher, queue, teacher_temperature=0.1, student_temperature=-1.0)


def make(toy, **changes):
    torch.manual_seed(0)
    return ComodoTeacher(replace(toy.SETTINGS["comodo"], **changes))


VIDEO = {MEAN_FRAME, MOTION}


def gather_video(resident, count=6, modalities=VIDEO):
    return resident.gather("pretrain", torch.arange(count), modalities=modalities, augment=False)


def test_its_embedding_is_as_wide_as_both_halves_of_detach_and_of_unit_length(toy, resident):
    embedding = make(toy)(gather_video(resident))
    assert embedding.shape == (6, 2 * toy.DIM)
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(6))


def test_motion_stays_whole_in_both_views(resident):
    batch, other = gather_video(resident), gather_video(resident, 5)
    assert alternate_frames(batch, other) == (batch, other)


def test_two_views_of_frames_are_the_even_and_the_odd_ones(resident):
    batch = gather_video(resident, modalities={FRAMES})
    first, second = alternate_frames(batch, batch)
    assert torch.equal(first.frames, batch.frames[:, :, [0, 2, 4, 6, 8]])
    assert torch.equal(second.frames, batch.frames[:, :, [1, 3, 5, 7, 9]])


@pytest.mark.parametrize(("frames", "each"), [(1, 1), (2, 1), (3, 1), (7, 3)])
def test_windows_of_any_number_of_frames_give_views_of_equally_many(resident, frames, each):
    batch = gather_video(resident, modalities={FRAMES})
    object.__setattr__(batch, "frames", batch.frames[:, :, :frames])
    assert [view.frames.shape[2] for view in alternate_frames(batch, batch)] == [each, each]


def test_its_loss_is_that_of_the_trunk_s_features(toy, resident):
    teacher, views = make(toy).eval(), alternate_frames(gather_video(resident), gather_video(resident))
    expected = two_view_contrast(teacher.trunk(views[0]), teacher.trunk(views[1]), 0.1)
    assert torch.equal(teacher.loss(views), expected)


def test_retrieval_counts_the_windows_whose_views_find_each_other(toy, resident):
    teacher, batch = make(toy).eval(), gather_video(resident)
    assert teacher.retrieval() == {}
    teacher.loss((batch, batch))
    # A window is nearest to itself; with the rows turned round none finds its own.
    assert teacher.retrieval() == {"gallery": 6, "r1": 1.0}
    turned = resident.gather("pretrain", torch.arange(6).roll(1), modalities=VIDEO, augment=False)
    teacher.loss((batch, turned))
    teacher.loss((batch, batch))
    assert teacher.retrieval()["r1"] == 0.5
    teacher.loss((batch, resident.gather("pretrain", torch.zeros(6).long(), modalities=VIDEO, augment=False)))
    assert teacher.retrieval()["r1"] == 0.0  # ties count against the row
    assert teacher.retrieval() == {}


def test_once_frozen_nothing_moves_it(toy, resident):
    teacher = make(toy)
    teacher.train().loss((gather_video(resident), gather_video(resident)))
    embedding = teacher.freeze(resident)
    state = {name: value.clone() for name, value in teacher.state_dict().items()}
    teacher.train()
    assert not any(module.training for module in teacher.modules())
    assert not any(weight.requires_grad for weight in teacher.parameters())
    torch.testing.assert_close(teacher(gather_video(resident)), embedding[:6])
    assert all(torch.equal(value, state[name]) for name, value in teacher.state_dict().items())


def test_embeddings_are_those_of_all_windows_in_order(toy, resident):
    teacher = make(toy)
    embedding = teacher.freeze(resident)
    assert len(embedding) == resident.num_windows("pretrain")
    position = torch.tensor([40, 7])
    batch = resident.gather("pretrain", position, modalities=VIDEO, augment=False)
    torch.testing.assert_close(teacher(batch), embedding[position])


def test_without_their_mean_embeddings_spread(toy, resident):
    plain, centred = make(toy), make(toy, centre_teacher=True)
    before, after = plain.freeze(resident), centred.freeze(resident)
    assert not plain.centre.any()
    assert mean_cosine(before) > 0.9 > 0.2 > mean_cosine(after)
    features = torch.cat([centred.trunk(batch) for batch in resident.batches("pretrain", modalities=VIDEO)])
    torch.testing.assert_close(centred.centre, features.mean(dim=0))
    expected = torch.nn.functional.normalize(features - features.mean(dim=0))
    torch.testing.assert_close(after, expected)
    torch.testing.assert_close(centred(gather_video(resident)), after[:6], rtol=1e-4, atol=1e-5)


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


def test_what_is_probed_lies_below_the_projection_and_what_is_distilled_above(method, resident):
    batch = resident.gather("pretrain", torch.arange(6), modalities={SENSOR}, augment=False)
    embedding = method.eval().embed_sensor(batch.sensor)
    encoder, first, norm, bend, last = method.sensor
    torch.testing.assert_close(embedding.whole, encoder(batch.sensor))
    assert embedding.whole.shape == (6, method.embedding_dim) == (6, batch.sensor.shape[1] * encoder.width)
    projected = last(bend(norm(first(embedding.whole))))
    expected = projected / projected.square().sum(dim=1, keepdim=True).sqrt()
    torch.testing.assert_close(embedding.in_shared_space, expected)
    assert method.probed == "sensor: encoder, below the projection MLP"


def test_each_phase_asks_for_what_it_looks_at(method):
    asked = []
    for epoch in range(1, method.num_epochs + 1):
        method.before_epoch(epoch)
        asked.append((method.phase, method.modalities))
    assert asked == [("teacher", VIDEO)] * 2 + [("student", {SENSOR})] * 2


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
    batch = resident.gather("pretrain", torch.tensor([5, 60, 2]), modalities=VIDEO, augment=False)
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
    assert method.video_modalities == VIDEO
    enter(method, 1)
    assert monitored_features(method, resident, "monitor").retrieval == {}
    enter(method, FIRST_STUDENT)
    assert method.video_modalities == frozenset()
    for part in ("pretrain", "monitor"):
        batch = next(resident.batches(part, modalities=VIDEO))
        remembered = method.embed_video(next(resident.batches(part, modalities=method.video_modalities))).whole
        torch.testing.assert_close(remembered, method.teacher(batch))
        torch.testing.assert_close(method.embed_video(batch).whole, remembered)


def test_a_rebuilt_method_asks_its_teacher_for_any_window(toy, windows, method, resident):
    enter(method, FIRST_STUDENT)
    again = build(toy, windows)
    again.restore(method.state_dict())
    assert again.video_modalities == VIDEO
    batch = next(resident.batches("monitor", modalities=VIDEO))
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
