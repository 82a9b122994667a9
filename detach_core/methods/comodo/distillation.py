"""Distillation by similarity to a queue (COMODO, loss.py:26-56): the student ranks the queue as the teacher does.

Embeddings are (N, D) or (M, D), of any length; similarities are cosines.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from detach_core.losses.contrastive import unit_rows


def queue_distillation(
    student: Tensor, teacher: Tensor, queue: Tensor, *, teacher_temperature: float, student_temperature: float
) -> Tensor:
    """Mean cross-entropy of the student's distribution over the queue with the teacher's. Range [0, inf).

    Its least value is the target's entropy, so only what lies above `target_entropy` can be learned. No gradient
    reaches `teacher` or `queue`. Computed in float32 at least, whatever autocast says.

    Args:
        student: (N, D); row i belongs to row i of `teacher`.
        teacher: (N, D).
        queue: (M, D) teacher embeddings; those of the batch should be among them.
        teacher_temperature: of the target, above 0.
        student_temperature: above 0.

    Raises:
        ValueError: on shapes that do not fit or temperatures not above 0.
    """
    if student.shape != teacher.shape:
        raise ValueError(f"student and teacher must both be (N, D), got {tuple(student.shape)}, {tuple(teacher.shape)}")
    with torch.autocast(device_type=student.device.type, enabled=False):
        target = _log_distribution(teacher.detach(), queue.detach(), teacher_temperature).exp()
        logits = _similarities(student, queue.detach(), student_temperature)
        return cross_entropy(logits, target)


def target_entropy(teacher: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """Mean entropy (nats) of the teacher's distribution over the queue. Range [0, log M].

    At log M the target is uniform and teaches nothing: so it is when all embeddings are close to each other.

    Args:
        teacher: (N, D).
        queue: (M, D).
        temperature: of the target, above 0.

    Raises:
        ValueError: on shapes that do not fit or a temperature not above 0.
    """
    with torch.no_grad(), torch.autocast(device_type=teacher.device.type, enabled=False):
        logarithm = _log_distribution(teacher, queue, temperature)
        return -(logarithm.exp() * logarithm).sum(dim=1).mean()


def _log_distribution(embedding: Tensor, queue: Tensor, temperature: float) -> Tensor:
    return _similarities(embedding, queue, temperature).log_softmax(dim=1)


def _similarities(embedding: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """Cosines (N, M) over `temperature`."""
    if embedding.ndim != 2 or queue.ndim != 2 or embedding.shape[1] != queue.shape[1]:
        raise ValueError(f"expected (N, D) and a queue (M, D), got {tuple(embedding.shape)} and {tuple(queue.shape)}")
    if not len(embedding) or not len(queue):
        raise ValueError(f"neither may be empty, got {tuple(embedding.shape)} and {tuple(queue.shape)}")
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    dtype = torch.promote_types(torch.promote_types(embedding.dtype, queue.dtype), torch.float32)
    return unit_rows(embedding.to(dtype)) @ unit_rows(queue.to(dtype)).T / temperature
