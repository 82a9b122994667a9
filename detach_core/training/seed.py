"""One seed for a run, and from it an own random stream for each purpose, so that a new draw in one shifts no other."""

from __future__ import annotations

import hashlib

import numpy as np
import torch


def derived_seed(seed: int, purpose: str) -> int:
    """A seed in [0, 2^63) for `purpose`: equal arguments give equal seeds on every machine."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:8], "little") >> 1


def make_generator(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator for `purpose`. Draws are made on the CPU so that a GPU run sees the same ones."""
    return torch.Generator().manual_seed(derived_seed(seed, purpose))


def seed_everything(seed: int) -> None:
    """Seed torch's and numpy's global generators: initial weights and dropout come from them."""
    torch.manual_seed(derived_seed(seed, "weights"))
    np.random.seed(derived_seed(seed, "numpy") % 2**32)
