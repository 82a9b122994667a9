"""The corpus of bad inputs: every case writes its files and makes the call that a user would cause.

A case is refused by one line that fits `refused`, or handled, which `handled(folder, value)` asserts. `leaves` names
what may lie beside the inputs after a refusal, besides the log; `reads` the readers and adapters that it goes through.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FAMILIES = ("native", "home", "video", "archive", "artifact", "tensors", "config")
GROUPS = (
    *("opportunity_text", "srt", "hwu_csv", "own_home", "video", "archive"),
    *("hdf5", "json", "safetensors", "weight_file", "config"),
)


@dataclass(frozen=True)
class Case:
    name: str
    group: str
    build: Callable[[Path], object]
    call: Callable[[Path], Any]
    reads: tuple[str, ...]
    refused: str | None = None
    handled: Callable[[Path, Any], None] | None = None
    leaves: tuple[str, ...] = ()

    def __post_init__(self):
        if (self.refused is None) == (self.handled is None) or self.group not in GROUPS:
            raise ValueError(f"{self.name}: say either what refuses it or how it is handled, and a group of {GROUPS}")


def load_corpus():
    cases = {}
    for family in FAMILIES:
        for item in importlib.import_module(f"tests.hostile.cases_{family}").CASES:
            case = Case(**item)
            if case.name in cases:
                raise ValueError(f"two cases are called {case.name}")
            cases[case.name] = case
    return cases
