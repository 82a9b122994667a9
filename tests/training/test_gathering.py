"""What several processes do with it is seen in test_processes.py."""

import pytest
import torch
import torch.distributed as dist

from detach_core.training.gathering import gather_from_all


@pytest.fixture
def one_process(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_one_process_gets_its_own_with_its_gradient(one_process):
    own = torch.arange(6.0).view(3, 2).T.requires_grad_()
    everyone = gather_from_all(own)
    assert everyone.shape == (1, 2, 3)
    assert torch.equal(everyone[0], own)
    weight = torch.randn(1, 2, 3, generator=torch.Generator().manual_seed(0))
    (everyone * weight).sum().backward()
    assert torch.equal(own.grad, weight[0])


def test_every_process_puts_its_own_in_and_gets_all_processes_gradients(monkeypatch):
    """The second of three, whose neighbours are played here."""

    def all_gather(everyone, own):
        for rank, each in enumerate(everyone):
            each.copy_(own + (rank - 1) * 10)

    monkeypatch.setattr(dist, "get_world_size", lambda: 3)
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    monkeypatch.setattr(dist, "all_gather", all_gather)
    monkeypatch.setattr(dist, "all_reduce", lambda gradient: gradient.mul_(3))
    own = torch.tensor([1.0, 2.0], requires_grad=True)
    everyone = gather_from_all(own)
    assert everyone.tolist() == [[-9.0, -8.0], [1.0, 2.0], [11.0, 12.0]]
    (everyone * torch.tensor([[5.0], [7.0], [11.0]])).sum().backward()
    assert own.grad.tolist() == [21.0, 21.0]
