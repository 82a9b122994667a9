"""Label curve of suggested gestures against as many random ones, on a run's features under its held-out protocol.

./run python -m studies.suggested_labels results
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from detach_core.contracts.embeddings import read_embeddings
from detach_core.contracts.metrics import Interval
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import open_windows
from detach_core.evaluation.label_curve import LabelCurve
from detach_core.evaluation.settings import LabelCurveSettings, ProbeSettings
from detach_core.evaluation.suggestion import suggestion_curve
from studies.common import write

DATASET, SPLIT, SEED = "opportunity", "default", 0
VARIANTS = ("detach", "best", "statistics")
MULTIPLES = (1, 2, 3, 4)


def figures(results: Path) -> pd.DataFrame:
    """A row for each variant and number of labelled gestures: F1 with suggested and with random ones."""
    windows = open_windows(results / DATASET / "windows.h5")
    split = read_split(results / DATASET / SPLIT / "split.json")
    held_out = {name: folds for name, folds in split.protocols.items() if name.startswith("by_")}
    probe = ProbeSettings()
    curve = LabelCurve(
        windows,
        replace(split, protocols=held_out),
        LabelCurveSettings(),
        probe.class_weights,
        Interval(probe.bootstrap, probe.confidence, split.seed),
        torch.device("cpu"),
    )
    rounds = [multiple * len(windows.class_names) for multiple in MULTIPLES]
    rows = []
    for variant in VARIANTS:
        run = read_embeddings(results / DATASET / SPLIT / variant / f"seed{SEED}" / "embeddings.h5")
        found = suggestion_curve(curve, run.sensor, rounds)
        for protocol, _, count in [key for key in found if key[1] == "suggested"]:
            row: dict[str, object] = {"variant": variant, "protocol": protocol, "gestures": count}
            for kind in ("suggested", "random"):
                one = found[protocol, kind, count]
                row |= {kind: one.f1_weighted, f"{kind}_low": one.f1_weighted_low, f"{kind}_high": one.f1_weighted_high}
            rows.append(row)
    return pd.DataFrame(rows)


def main(arguments: Sequence[str]) -> None:
    """Write the table of the results below a folder."""
    torch.set_num_threads(1)
    frame = figures(Path(arguments[0]))
    caption = (
        f"Weighted F1 on the held-out recordings of the simulated home `{DATASET}`, seed {SEED}, means over"
        f" {LabelCurveSettings().draws} draws, with intervals. Suggested: first one gesture of each of as many clusters"
        " as there are classes, then by the entropy of the probe so far, in rounds of as many."
    )
    write("suggested_labels", frame, title="Labels of suggested and of random gestures", caption=caption)


if __name__ == "__main__":
    main(sys.argv[1:])
