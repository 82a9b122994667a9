"""The second of two processes, whose first is played; real ones are in test_processes.py."""

import pytest
import torch

from detach_core.foundation.errors import UserError
from detach_core.training import agreement


@pytest.fixture
def agree(monkeypatch):
    """A function: what the second process gets where the first says `said`."""

    def make(said, tensors):
        monkeypatch.setattr(agreement.dist, "broadcast", lambda tensor, source: tensor.copy_(said))
        monkeypatch.setattr(agreement.dist, "all_reduce", lambda tensor, operation: None)
        return agreement.agree(tensors, device=torch.device("cpu"), count=2)

    return make


def test_drift_is_set_right_and_reported_and_more_than_rounding_is_refused(agree):
    said, own = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0 + 2e-4])
    assert agree(said, {"weight": own}) == {"weight": pytest.approx(2e-4, rel=1e-2)}
    assert torch.equal(own, said)
    assert agree(said, {"weight": own}) == {}
    with pytest.raises(UserError, match=r"the 2 processes .* differ by 1 in `weight`.* set `devices: 1`"):
        agree(said, {"weight": own + 1.0})
    with pytest.raises(UserError, match="differ by inf"):
        agree(said, {"weight": own * float("nan")})


def test_what_is_far_is_measured_by_what_is_large(agree):
    own = torch.tensor([1000.5])
    assert agree(torch.tensor([1000.0]), {"weight": own}) == {"weight": 0.5}


def test_labels_may_drift_and_are_set_right(agree):
    label, known = torch.tensor([1, 4]), torch.tensor([True, False])
    assert agree(torch.tensor(1), {"label": label, "known": known}) == {"label": 3.0, "known": 1.0}
    assert label.tolist() == [1, 1]
    assert known.tolist() == [True, True]


def test_random_streams_may_not_drift(agree):
    with pytest.raises(UserError, match="`draws`"):
        agree(torch.tensor(3, dtype=torch.uint8), {"draws": torch.tensor([3, 4], dtype=torch.uint8)})
