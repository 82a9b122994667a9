"""The teacher of COMODO."""

import math
from dataclasses import replace

import pytest
import torch

from detach_core.losses.contrastive import two_view_contrast
from detach_core.methods.batch import FRAMES
from detach_core.methods.comodo.teacher import ComodoTeacher, alternate_frames, mean_cosine


def make(toy, **changes):
    torch.manual_seed(0)
    return ComodoTeacher(replace(toy.SETTINGS["comodo"], **changes))


def gather(resident, count=6):
    return resident.gather("pretrain", torch.arange(count), modalities={FRAMES}, augment=False)


def test_its_embedding_is_as_wide_as_both_halves_of_detach_and_of_unit_length(toy, resident):
    embedding = make(toy)(gather(resident))
    assert embedding.shape == (6, 2 * toy.DIM)
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(6))


def test_two_views_are_the_even_and_the_odd_frames(resident):
    batch = gather(resident)
    first, second = alternate_frames(batch, batch)
    assert torch.equal(first.frames, batch.frames[:, :, [0, 2, 4, 6, 8]])
    assert torch.equal(second.frames, batch.frames[:, :, [1, 3, 5, 7, 9]])


@pytest.mark.parametrize(("frames", "each"), [(1, 1), (2, 1), (3, 1), (7, 3)])
def test_windows_of_any_number_of_frames_give_views_of_equally_many(resident, frames, each):
    batch = gather(resident)
    object.__setattr__(batch, "frames", batch.frames[:, :, :frames])
    assert [view.frames.shape[2] for view in alternate_frames(batch, batch)] == [each, each]


def test_its_loss_is_that_of_the_trunk_s_features(toy, resident):
    teacher, views = make(toy).eval(), alternate_frames(gather(resident), gather(resident))
    expected = two_view_contrast(teacher.trunk(views[0]), teacher.trunk(views[1]), 0.1)
    assert torch.equal(teacher.loss(views), expected)


def test_retrieval_counts_the_windows_whose_views_find_each_other(toy, resident):
    teacher, batch = make(toy).eval(), gather(resident)
    assert teacher.retrieval() == {}
    teacher.loss((batch, batch))
    # A window is nearest to itself; with the rows turned round none finds its own.
    assert teacher.retrieval() == {"gallery": 6, "r1": 1.0}
    turned = resident.gather("pretrain", torch.arange(6).roll(1), modalities={FRAMES}, augment=False)
    teacher.loss((batch, turned))
    teacher.loss((batch, batch))
    assert teacher.retrieval()["r1"] == 0.5
    teacher.loss((batch, resident.gather("pretrain", torch.zeros(6).long(), modalities={FRAMES}, augment=False)))
    assert teacher.retrieval()["r1"] == 0.0  # ties count against the row
    assert teacher.retrieval() == {}


def test_once_frozen_nothing_moves_it(toy, resident):
    teacher = make(toy)
    teacher.train().loss((gather(resident), gather(resident)))
    embedding = teacher.freeze(resident)
    state = {name: value.clone() for name, value in teacher.state_dict().items()}
    teacher.train()
    assert not any(module.training for module in teacher.modules())
    assert not any(weight.requires_grad for weight in teacher.parameters())
    torch.testing.assert_close(teacher(gather(resident)), embedding[:6])
    assert all(torch.equal(value, state[name]) for name, value in teacher.state_dict().items())


def test_embeddings_are_those_of_all_windows_in_order(toy, resident):
    teacher = make(toy)
    embedding = teacher.freeze(resident)
    assert len(embedding) == resident.num_windows("pretrain")
    position = torch.tensor([40, 7])
    batch = resident.gather("pretrain", position, modalities={FRAMES}, augment=False)
    torch.testing.assert_close(teacher(batch), embedding[position])


def test_without_their_mean_embeddings_spread(toy, resident):
    plain, centred = make(toy), make(toy, centre_teacher=True)
    before, after = plain.freeze(resident), centred.freeze(resident)
    assert not plain.centre.any()
    assert mean_cosine(before) > 0.9 > 0.2 > mean_cosine(after)
    features = torch.cat([centred.trunk(batch) for batch in resident.batches("pretrain", modalities={FRAMES})])
    torch.testing.assert_close(centred.centre, features.mean(dim=0))
    expected = torch.nn.functional.normalize(features - features.mean(dim=0))
    torch.testing.assert_close(after, expected)
    torch.testing.assert_close(centred(gather(resident)), after[:6], rtol=1e-4, atol=1e-5)


def test_the_mean_cosine_leaves_out_the_rows_themselves():
    rows = torch.nn.functional.normalize(torch.randn(5, 3, dtype=torch.float64))
    expected = sum(float(rows[i] @ rows[j]) for i in range(5) for j in range(5) if i != j) / 20
    assert math.isclose(mean_cosine(rows), expected, abs_tol=1e-12)
    assert abs(mean_cosine(rows[:1])) < 1e-9
