"""One seed for a run, and from it an own random stream for each purpose, so that a new draw in one shifts no other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor


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


def global_random_state(device: torch.device) -> dict[str, Tensor]:
    """Where torch's and numpy's global generators stand, and on a GPU its own one."""
    _, keys, place, has_gauss, gauss = np.random.get_state(legacy=True)
    state = {
        "torch": torch.get_rng_state(),
        "numpy": torch.tensor([*np.asarray(keys).tolist(), place, has_gauss], dtype=torch.int64),
        "numpy_gauss": torch.tensor(gauss, dtype=torch.float64),
    }
    return state | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def restore_global_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Put the generators where `global_random_state` found them on such a device."""
    torch.set_rng_state(state["torch"])
    *keys, place, has_gauss = state["numpy"].tolist()
    np.random.set_state(("MT19937", np.array(keys, dtype=np.uint32), place, has_gauss, float(state["numpy_gauss"])))
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
