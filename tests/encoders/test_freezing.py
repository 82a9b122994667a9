import torch
from torch import nn

from detach_core.encoders.freezing import FrozenEncoder


def test_batch_norm_of_a_frozen_encoder_stays_as_it_is_while_the_rest_trains():
    frozen = FrozenEncoder(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)))
    head = nn.Linear(4, 2)
    model = nn.ModuleList([frozen, head]).train()
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    optimizer = torch.optim.SGD([*model.parameters()], lr=0.1, weight_decay=0.1)
    for _ in range(3):
        head(frozen(torch.randn(8, 3))).square().sum().backward()
        optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in frozen.state_dict().items())
    assert head.weight.grad is not None
    assert not any(module.training for module in frozen.encoder.modules())


def test_the_feature_has_no_gradient_and_does_not_depend_on_the_batch():
    frozen = FrozenEncoder(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)))
    batch = torch.randn(8, 3, requires_grad=True)
    feature = frozen(batch)
    assert not feature.requires_grad
    assert torch.allclose(frozen(batch[:1]), feature[:1])
