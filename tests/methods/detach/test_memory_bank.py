import pytest
import torch
from torch.nn.functional import normalize

from detach_core.methods.detach.memory_bank import MemoryBank


def started_bank(number=40, clusters=3, seed=0):
    bank = MemoryBank(num_windows=number, dim=5, num_clusters=clusters)
    feature = torch.randn(number, 5, generator=torch.Generator().manual_seed(seed))
    bank.start(feature, num_starts=2, seed=0)
    return bank, feature


def test_the_start_holds_unit_rows_and_the_clusters_of_k_means():
    bank, feature = started_bank()
    assert torch.allclose(bank.feature, normalize(feature, dim=1))
    assert torch.equal(bank.label, (bank.feature @ bank.centroid.T).argmax(dim=1))
    assert torch.equal(bank.counts(), torch.bincount(bank.label, minlength=3))


def test_update_blends_normalises_and_relabels_as_written_out():
    bank, _ = started_bank()
    old, label, centroid = bank.feature.clone(), bank.label.clone(), bank.centroid.clone()
    index, new = torch.tensor([7, 2, 30]), 4 * torch.randn(3, 5)
    changed = 0
    for row, value in zip(index.tolist(), new, strict=True):
        blend = 0.25 * old[row] + 0.75 * value / value.norm()
        old[row] = blend / blend.norm()
        found = int(torch.stack([old[row] @ c / c.norm() for c in centroid]).argmax())
        changed += found != int(label[row])
        label[row] = found
    share = bank.update(index, new, momentum=0.75)
    assert torch.allclose(bank.feature, old, atol=1e-6)
    assert torch.equal(bank.label, label)
    assert abs(float(share) - changed / 3) < 1e-6


def test_a_momentum_of_one_replaces_the_memory():
    bank, _ = started_bank()
    new = torch.randn(40, 5)
    bank.update(torch.arange(40), new, momentum=1.0)
    assert torch.allclose(bank.feature, normalize(new, dim=1))


def test_the_order_in_which_windows_come_does_not_matter():
    """Each window has its own row, so a shuffled loader fills the same memory."""
    first, feature = started_bank()
    second, _ = started_bank()
    order = torch.randperm(40)
    for batch in torch.arange(40).split(8):
        first.update(batch, feature[batch] + 1, momentum=0.5)
    for batch in order.split(16):
        second.update(batch, feature[batch] + 1, momentum=0.5)
    assert torch.allclose(first.feature, second.feature, atol=1e-6)
    assert torch.equal(first.label, second.label)


def test_a_feature_opposite_to_the_memory_does_not_erase_it():
    bank, _ = started_bank()
    old = bank.feature.clone()
    bank.update(torch.arange(40), -old, momentum=0.5)
    assert torch.equal(bank.feature, old)


def test_dead_features_leave_unit_rows():
    bank, _ = started_bank()
    bank.update(torch.arange(40), torch.zeros(40, 5), momentum=0.5)
    assert torch.allclose(bank.feature.norm(dim=1), torch.ones(40))


def test_centroids_move_only_when_they_are_recomputed():
    bank, _ = started_bank()
    before = bank.centroid.clone()
    bank.update(torch.arange(40), torch.randn(40, 5), momentum=0.5)
    assert torch.equal(bank.centroid, before)
    bank.recompute_centroids()
    for cluster in range(3):
        members = bank.feature[bank.label == cluster]
        if len(members):
            assert torch.allclose(bank.centroid[cluster], members.mean(dim=0), atol=1e-6)


def test_repair_reaches_labels_and_centroids():
    bank, _ = started_bank()
    bank.label.zero_()
    assert bank.repair(min_members=5) == 2
    assert int(bank.counts().min()) >= 5


def test_the_checkpoint_brings_the_memory_back():
    bank, _ = started_bank()
    other = MemoryBank(num_windows=40, dim=5, num_clusters=3)
    other.load_state_dict(bank.state_dict())
    assert torch.equal(other.thresholds(0.75), bank.thresholds(0.75))
    assert bank.state_dict().keys() == {"feature", "label", "centroid"}


def test_nothing_in_the_memory_has_a_gradient():
    bank, _ = started_bank()
    bank.update(torch.arange(3), torch.randn(3, 5, requires_grad=True), momentum=0.5)
    assert not bank.feature.requires_grad


def test_what_does_not_fit_is_refused():
    bank, _ = started_bank()
    for call in (
        lambda: bank.start(torch.randn(39, 5), num_starts=1, seed=0),
        lambda: bank.update(torch.arange(3), torch.randn(4, 5), momentum=0.5),
        lambda: bank.update(torch.arange(3), torch.full((3, 5), float("nan")), momentum=0.5),
    ):
        with pytest.raises(ValueError):
            call()


def test_a_memory_of_another_size_is_empty_and_has_the_same_widths():
    bank, _ = started_bank(number=40, clusters=3)
    other = bank.sized(7)
    assert [tuple(value.shape) for value in other.state_dict().values()] == [(7, 5), (7,), (3, 5)]
    assert not any(bool(value.any()) for value in other.state_dict().values())
    assert len(bank.label) == 40
