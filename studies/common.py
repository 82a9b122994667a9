"""Common parts of the studies of the statistics: class counts, and output of their tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detach_core.foundation.files import write_text
from detach_core.reports.tables import markdown

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "statistics"


def even_labels(num_units: int, num_classes: int) -> NDArray[np.int64]:
    """(N,) labels in rising order, the first classes with a unit more where they do not go up."""
    return np.sort(np.arange(num_units) % num_classes)


def plain_weights(label: NDArray[np.int64], num_resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(B, N) the plain stratified bootstrap: of n units of a class, n are drawn."""
    weight = np.empty((num_resamples, len(label)))
    for one in np.unique(label):
        members = np.flatnonzero(label == one)
        weight[:, members] = rng.multinomial(len(members), np.full(len(members), 1.0 / len(members)), num_resamples)
    return weight


def write(name: str, frame: pd.DataFrame, *, title: str, caption: str) -> None:
    """Write `frame` as `docs/statistics/<name>.csv` and `.md`."""
    shown = frame.map(lambda value: f"{value:.3f}" if isinstance(value, float) else value)
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_text(FOLDER / f"{name}.md", markdown(shown, title, caption))
    write_text(FOLDER / f"{name}.csv", frame.to_csv(index=False, float_format="%.4f", lineterminator="\n"))
    print(f"{FOLDER / name}.md")
