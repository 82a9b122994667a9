"""Hand-made negative pairs: no training, but every field of the contract. Folders that need them load this file."""

import numpy as np

from detach_core.analysis.negative_pairs import kinds_of_pairs
from detach_core.contracts.negative_pairs import NegativePairs, PairValues
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.windows import ClassAspect

CLASSES = ("Open Fridge", "Close Fridge", "Open Door 1", "Close Door 1", "Clean Table")
PLACES = ClassAspect.of_names(("Fridge", "Fridge", "Door 1", "Door 1", ""))
ACTIONS = ClassAspect.of_names(("Open", "Close", "Open", "Close", ""))


def make_pairs(label=None, *, epochs=(0, 4, 10), seed=0, weight=None, **changes):
    """Pairs whose false negatives lose weight from epoch to epoch; `weight(epoch, kind, label)` gives other ones."""
    label = np.repeat(np.arange(5), (8, 7, 6, 5, 2)) if label is None else np.asarray(label)
    rng = np.random.default_rng(seed)
    kinds = kinds_of_pairs(label, PLACES, ACTIONS)
    count = len(label)
    snapshots = []
    for epoch in epochs:
        own = rng.uniform(0.9, 1.1, (count, count)) - 0.05 * epoch * (kinds.kind == kinds.kind_names.index("false"))
        own = own if weight is None else weight(epoch, kinds.kind, label)
        values = {
            "spatial_similarity": np.where(kinds.kind == 0, 0.1, 0.9),
            "temporal_similarity": rng.uniform(-1, 1, (count, count)),
            "weight": own,
        }
        snapshots.append(PairValues(epoch, **{name: value.astype(np.float32) for name, value in values.items()}))
    fields = {
        "window": 3 * np.arange(count, dtype=np.int64),
        "label": label.astype(np.int32),
        **vars(kinds),
        "snapshots": tuple(snapshots),
        "class_names": CLASSES,
        "dataset": "opportunity",
        "source": "simulated",
        "split": "default",
        "method": "detach",
        "variant": "detach",
        "seed": seed,
        "num_epochs": max(epochs),
        "kinds_from": "class names",
        "provenance": make_provenance(stage="negative_pairs", source="simulated", settings={}, seed=seed),
    }
    return NegativePairs(**(fields | changes))
