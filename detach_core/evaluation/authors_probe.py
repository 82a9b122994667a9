"""The linear probe of the paper's authors: Adam on the raw features, a fixed number of epochs, the last one kept.

It underfits where a training set is small (decisions.md, D13), so it is an extra and not the result. Its numbers are
fixed: another number would be another probe.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEARNING_RATE = 1e-3
EPOCHS = 50
BATCH_SIZE = 64


def fit_authors_probe(
    features: Tensor, label: Tensor, num_classes: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Coefficients (D, K) and intercepts (K,), both float64.

    Args:
        features: (N, D).
        label: (N,).
        num_classes: K.
        generator: draws the start and the order of the units, on the CPU.
    """
    # The start of torch's own linear layer, drawn from our generator instead of the global one.
    bound = features.shape[1] ** -0.5
    weight = (torch.rand(features.shape[1], num_classes, generator=generator) * 2 - 1) * bound
    bias = (torch.rand(num_classes, generator=generator) * 2 - 1) * bound
    weight = weight.to(features.device).requires_grad_()
    bias = bias.to(features.device).requires_grad_()
    optimizer = torch.optim.Adam([weight, bias], lr=LEARNING_RATE)
    inputs = features.to(torch.float32)
    for _ in range(EPOCHS):
        order = torch.randperm(len(inputs), generator=generator).to(features.device)
        for rows in torch.split(order, BATCH_SIZE):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(inputs[rows] @ weight + bias, label[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return weight.detach().double(), bias.detach().double()
