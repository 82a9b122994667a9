"""Seeded generators: each purpose draws from its own, so that a new draw in one leaves all others as they were."""

from __future__ import annotations

import hashlib
import json

import numpy as np


def generator_for(*parts: str | int) -> np.random.Generator:
    """The generator that belongs to `parts` (seed, home, subject, take, purpose): equal parts draw equal numbers."""
    name = hashlib.sha256(json.dumps(parts).encode()).digest()
    return np.random.default_rng(np.frombuffer(name, dtype=np.uint32).tolist())
