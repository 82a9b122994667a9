"""What a probe is to tell of a gesture beside its class: where it happens, or whether something is opened or closed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detach_core.contracts.windows import Windows
from detach_core.foundation.errors import ContractError
from detach_core.methods.detach.negatives import ACTIONS, split_class_names


def relabelled(windows: Windows, target: str) -> Windows:
    """The windows labelled by `target`, `place` or `action`, which are parts of their classes' names.

    Raises:
        ContractError: a class whose name is not an action and a place.
    """
    place_of, action_of = split_class_names(windows.class_names)
    for name, place in zip(windows.class_names, place_of, strict=True):
        if place < 0:
            raise ContractError(
                windows.path,
                "class_names",
                expected=f"{' or '.join(ACTIONS)} and a place in every class",
                found=name,
                remedy=f"leave rows of `halves` with target {target} out of this dataset's tables and claims",
            )
    places = tuple(dict.fromkeys(name.partition(" ")[2] for name in windows.class_names))
    names, of_class = (places, place_of) if target == "place" else (ACTIONS, action_of)
    label = np.append(np.asarray(of_class, dtype=np.int32), np.int32(-1))[windows.label]
    return replace(windows, label=label, class_names=names)
