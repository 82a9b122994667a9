import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from detach_core.contracts.split import read_split
from detach_core.contracts.windows import read_windows
from detach_core.methods.batch import SENSOR
from detach_core.methods.controls.supervised import mean_by_recording
from detach_core.methods.registry import build_method
from detach_core.training.batches import input_shape
from detach_core.training.loop import train


def build(toy, windows):
    torch.manual_seed(0)
    return build_method("supervised", settings=toy.SETTINGS["supervised"], shape=input_shape(windows))


def test_recordings_are_averaged_and_keep_their_label():
    feature = torch.tensor([[1.0], [3.0], [10.0]])
    mean, label = mean_by_recording(feature, torch.tensor([4, 4, 2]), torch.tensor([7, 7, 3]))
    assert mean.tolist() == [[10.0], [2.0]]
    assert label.tolist() == [2, 4]


def test_windows_without_label_do_not_count(toy, windows, split, make_resident):
    method = build(toy, windows).eval().requires_grad_(False)
    access = make_resident(windows, split, with_labels=True)
    batch = access.gather("pretrain", torch.arange(4), modalities={SENSOR}, augment=False)
    whole = float(method.losses(batch)["classification"])
    logits = method.classifier(method.embed_sensor(batch.sensor).whole * 32**0.5)
    assert whole == pytest.approx(float(cross_entropy(logits, batch.label)), rel=1e-5)
    batch.label[:2] = -1
    assert float(method.losses(batch)["classification"]) == pytest.approx(
        float(cross_entropy(logits[2:], batch.label[2:])), rel=1e-5
    )
    batch.label[:] = -1
    assert float(method.losses(batch)["classification"]) == 0.0


def test_where_recordings_have_labels_the_loss_is_one_of_recordings(toy, sequence_home, make_resident):
    windows, split = read_windows(sequence_home / "windows.h5"), read_split(sequence_home / "split.json")
    method = build(toy, windows)
    assert method.batch_unit == "recording"
    access = make_resident(windows, split, with_labels=True)
    positions = next(iter(access.shuffled(48, "recording")))
    batch = access.gather("pretrain", positions, modalities={SENSOR}, augment=False)
    method.losses(batch)
    row = method.after_epoch(1)
    # Two recordings were asked, so the accuracy is a number of halves.
    assert row["training_accuracy"] in (0.0, 0.5, 1.0)


def test_training_lowers_the_loss(toy, windows, split, make_resident):
    method = build(toy, windows)
    method.num_epochs = 15
    access = make_resident(windows, split, with_labels=True)
    rows = train(method, access, place="x", report=lambda line: None).rows
    assert rows[-1]["losses"]["total"] < 0.7 * rows[1]["losses"]["total"]
    assert rows[-1]["training_accuracy"] > 3 / 8
    assert math.isfinite(rows[-1]["windows_per_s"])
