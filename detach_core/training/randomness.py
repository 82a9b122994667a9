"""Seeded random generators of a training: global generators, batch order and pools of noise."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor


def derived_seed(seed: int, purpose: str) -> int:
    """A seed in [0, 2^63) for `purpose`: equal arguments give equal seeds on every machine."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:8], "little") >> 1


def make_generator(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator for `purpose`. Draws are made on the CPU so that a GPU run has the same ones."""
    return torch.Generator().manual_seed(derived_seed(seed, purpose))


def seed_everything(seed: int) -> None:
    """Seed torch's and numpy's global generators: initial weights and dropout come from them."""
    torch.manual_seed(derived_seed(seed, "weights"))
    np.random.seed(derived_seed(seed, "numpy") % 2**32)


def global_random_state(device: torch.device) -> dict[str, Tensor]:
    """State of torch's and numpy's global generators, and of the GPU's on a GPU."""
    _, keys, place, has_gauss, gauss = np.random.get_state(legacy=True)
    state = {
        "torch": torch.get_rng_state(),
        "numpy": torch.tensor([*np.asarray(keys).tolist(), place, has_gauss], dtype=torch.int64),
        "numpy_gauss": torch.tensor(gauss, dtype=torch.float64),
    }
    return state | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def restore_global_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Restoration of the state that `global_random_state` returned on the same kind of device."""
    torch.set_rng_state(state["torch"])
    *keys, place, has_gauss = state["numpy"].tolist()
    np.random.set_state(("MT19937", np.array(keys, dtype=np.uint32), place, has_gauss, float(state["numpy_gauss"])))
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)


def window_batches(num_windows: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Positions (batch_size,) of windows in random order; the incomplete last batch is dropped."""
    order = torch.randperm(num_windows, generator=generator)
    for start in range(0, num_windows - batch_size + 1, batch_size):
        yield order[start : start + batch_size]


def recordings_per_batch(recording: Tensor, batch_size: int) -> int:
    """Number of whole recordings nearest to `batch_size` windows; at least one."""
    num_recordings = len(torch.unique(recording))
    return max(1, min(num_recordings, round(batch_size * num_recordings / len(recording))))


def recording_batches(recording: Tensor, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Positions of all windows of a few recordings, which come in random order; an incomplete last batch is dropped.

    Args:
        recording: (N,) recording of each window.
        batch_size: about how many windows a batch should have.
        generator: of the order.
    """
    ids = torch.unique(recording)
    size = recordings_per_batch(recording, batch_size)
    order = ids[torch.randperm(len(ids), generator=generator)]
    for start in range(0, len(ids) - size + 1, size):
        chosen = order[start : start + size]
        yield torch.isin(recording, chosen).nonzero().squeeze(1)


def steps_per_epoch(recording: Tensor, batch_size: int, unit: str) -> int:
    """Number of batches of an epoch."""
    if unit == "recording":
        return len(torch.unique(recording)) // recordings_per_batch(recording, batch_size)
    return len(recording) // batch_size


# Enough starts that two batches of a run hardly ever share one, in 4 MB beside the batch itself.
NUM_STARTS = 1 << 20


class NoisePool:
    """Standard normal noise, cut from one pool at a random start for each batch."""

    def __init__(self, *, generator: torch.Generator, device: torch.device) -> None:
        self.generator = generator
        self.device = device
        self._pool = torch.empty(0)
        self._drawn_at: Tensor | None = None

    def draw(self, shape: torch.Size) -> Tensor:
        """Noise of `shape`, float32: a view of the pool, not to be written to."""
        size = shape.numel()
        if len(self._pool) < size + NUM_STARTS:
            self._drawn_at = self.generator.get_state()
            self._pool = torch.randn(size + NUM_STARTS, generator=self.generator).to(self.device)
        start = int(torch.randint(NUM_STARTS, (1,), generator=self.generator))
        return self._pool[start : start + size].view(shape)

    def state(self) -> dict[str, Tensor]:
        """State of the generator before it drew the pool, and the pool's length; {} before the first draw."""
        return {} if self._drawn_at is None else {"drawn_at": self._drawn_at, "length": torch.tensor(len(self._pool))}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Redraw the pool of `state`; the pool's own generator does not advance."""
        self._pool, self._drawn_at = torch.empty(0), None
        if state:
            self._drawn_at = state["drawn_at"]
            generator = torch.Generator().set_state(self._drawn_at)
            self._pool = torch.randn(int(state["length"]), generator=generator).to(self.device)
