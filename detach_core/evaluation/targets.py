"""Targets of a probe beside the class: the place where a gesture happens, or its action."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detach_core.contracts.errors import ContractError
from detach_core.contracts.windows import Windows


def relabelled(windows: Windows, target: str) -> Windows:
    """The windows labelled by `target`, `place` or `action`, as the dataset declares them for its classes.

    Raises:
        ContractError: a class without one.
    """
    aspect = windows.places if target == "place" else windows.actions
    for name, number in zip(windows.class_names, aspect.of_class, strict=True):
        if number < 0:
            raise ContractError(
                windows.path,
                f"class_{target}s",
                expected=f"a {target} for every class",
                found=f"none for {name}",
                remedy=f"leave rows of `halves` with target {target} out of this dataset's tables and claims",
            )
    label = np.array([*aspect.of_class, -1], dtype=np.int32)[windows.label]
    blank = ("",) * len(aspect.names)
    return replace(windows, label=label, class_names=aspect.names, class_places=blank, class_actions=blank)
