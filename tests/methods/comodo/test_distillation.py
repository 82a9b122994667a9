import math

import pytest
import torch

from detach_core.methods.comodo.distillation import queue_distillation, target_entropy

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
