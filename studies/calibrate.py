"""Difficulty of the simulated homes, measured by controls alone (never by the methods under test).

    ./run snakemake results/table1.csv --cores 2 --directory build/calibration --configfile \
        docs/calibration/calibration.yaml
    ./run python -m studies.calibrate build/calibration

The first line simulates recordings of full length and evaluates the controls with whole units held out; the second adds
the video-only control and writes `docs/calibration/figures.json` and the table in `docs/simulation.md`.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from detach_core.config.yaml_file import read_yaml
from detach_core.contracts.provenance import commit
from detach_core.settings.base import from_plain
from detach_core.settings.shared import AugmentationSettings
from studies.video_control import measure

ROOT = Path(__file__).resolve().parents[1]
WORKERS = 2
CONTROLS = ("statistics", "random_encoder", "supervised")
BEGIN, END = "<!-- calibration: begin -->", "<!-- calibration: end -->"
AIMS = {
    "statistics": "0.55 to 0.75",
    "random_encoder": "at least 0.05 below statistics",
    "supervised": "at least 0.10 above statistics",
    "video: fixture": "at least 0.80",
    "video: open or close": "at least 0.65",
}


def control_figures(folder: Path, dataset: str) -> dict[str, list[float]]:
    """Weighted F1 of each control and seed under the held-out protocol."""
    figures: dict[str, list[float]] = {}
    for control in CONTROLS:
        for path in sorted(folder.glob(f"results/{dataset}/default/{control}/seed*/metrics.json")):
            protocols = json.loads(path.read_text())["protocols"]
            held_out = next(value for name, value in protocols.items() if name.startswith("by_"))
            figures.setdefault(control, []).append(held_out["f1_weighted"])
    return figures


def main(folder: Path) -> None:
    """Measure, write and print."""
    config = read_yaml(ROOT / "config.yaml")
    overlay = read_yaml(ROOT / "docs" / "calibration" / "calibration.yaml")
    report: dict[str, Any] = {"commit": commit(), "seeds": overlay["seeds"], "datasets": {}}
    augmentation = from_plain(AugmentationSettings, config["augmentation"])
    cases = [(dataset, seed) for dataset in config["datasets"] for seed in overlay["seeds"]]
    with ProcessPoolExecutor(max_workers=WORKERS) as pool:
        folders = [folder / "results" / dataset for dataset, _ in cases]
        measured = pool.map(partial(measure, augmentation=augmentation), folders, [seed for _, seed in cases])
        video = list(zip(cases, measured, strict=True))
    for dataset in config["datasets"]:
        figures = control_figures(folder, dataset)
        of_dataset = [found for (name, _), found in video if name == dataset]
        figures["video: fixture"] = [found.fixture for found in of_dataset]
        directions = [found.direction for found in of_dataset if found.direction is not None]
        if directions:
            figures["video: open or close"] = directions
        report["datasets"][dataset] = {name: [round(one, 4) for one in values] for name, values in figures.items()}
    (ROOT / "docs" / "calibration" / "figures.json").write_text(json.dumps(report, indent=1) + "\n")
    table = as_table(report)
    page = ROOT / "docs" / "simulation.md"
    before, _, rest = page.read_text().partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}")
    print(table)


def as_table(report: dict[str, Any]) -> str:
    """The figures as Markdown: mean and range over seeds."""
    datasets = list(report["datasets"])
    lines = ["| control | aim | " + " | ".join(datasets) + " |", "| --- | --- |" + " --- |" * len(datasets)]
    for name, aim in AIMS.items():
        cells = []
        for dataset in datasets:
            values = report["datasets"][dataset].get(name)
            cells.append(
                f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})" if values else "no such label"
            )
        lines.append(f"| {name} | {aim} | " + " | ".join(cells) + " |")
    lines.append("")
    made_by = f"simulated data; seeds {report['seeds']}, commit {report['commit']}"
    lines.append(f"Weighted F1 for sensors, share of windows for video; {made_by}.")
    return "\n".join(lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
