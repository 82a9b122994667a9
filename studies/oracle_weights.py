"""Upper bound of pair weighting: DETACH with weights from the true labels, beside its own and plain InfoNCE's.

    ./run python -m studies.oracle_weights [--results results] [--dataset opportunity] [--split default] [--seeds 0 1 2]

It trains, embeds and probes DETACH once a seed with W = 1 + hardness for hard negatives (same place, other action), 0
for false ones (same place and action) and 1 for easy ones, all from labels that no method may see: a bound, not a
baseline. The runs `detach` and `detach-infonce` of the same seeds must be there. Only datasets whose classes name place
and action.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from detach_core.contracts.checkpoint import read_checkpoint
from detach_core.contracts.metrics import Metrics, read_metrics
from detach_core.evaluation.intervals import f1_of
from detach_core.evaluation.paired import difference, paired
from detach_core.methods.batch import WindowBatch, WindowsAccess
from detach_core.methods.detach.negatives import FALSE, HARD, PairFeatures, negative_kinds
from detach_core.methods.detach.stage2 import Detach
from detach_core.settings.base import to_plain
from detach_core.settings.shared import MachineSettings, MachinesSettings
from detach_core.stages.embed import embed
from detach_core.stages.pretrain import pretrain
from detach_core.stages.probe import probe
from detach_core.training.job import TrainingJob, settings_of

PAGE = Path(__file__).resolve().parents[1] / "docs" / "evidence" / "oracle_weights.md"
BASELINES = ("detach", "detach-infonce")
# This file as a package of one's own: the registry imports the class by its module.
ORACLE = "studies.oracle_weights:OracleDetach"


class OracleDetach(Detach):
    """DETACH with the true kind of every pair."""

    def before_training(self, windows: WindowsAccess, *, num_steps: int) -> dict[str, Any]:
        """As DETACH's, with the truth that only monitors may see."""
        self._truth = windows.truth("pretrain")
        return super().before_training(windows, num_steps=num_steps)

    def _pair_values(self, batch: WindowBatch, features: PairFeatures) -> dict[str, Tensor]:
        values = super()._pair_values(batch, features)
        kind = negative_kinds(self._truth.location[batch.position], self._truth.action[batch.position])
        weight = torch.ones_like(values["weight"]).fill_diagonal_(0.0)
        weight[kind == HARD] = 1.0 + self.settings.hardness
        weight[kind == FALSE] = 0.0
        return values | {"weight": weight}


def run_oracle(results: Path, dataset: str, split: str, seed: int, folder: Path) -> Metrics:
    """Train, embed and probe with the settings of the run `detach` of that seed."""
    home, part = results / dataset, results / dataset / split
    checkpoint = read_checkpoint(part / "detach" / f"seed{seed}" / "checkpoint.safetensors")
    settings = replace(settings_of(checkpoint), spatial_settings=None)
    shared = {"windows_path": home / "windows.h5", "split_path": part / "split.json"}
    pretrain(
        settings=json.dumps(TrainingJob(ORACLE, settings, MachinesSettings()).to_plain()),
        spatial_path=part / "spatial" / "default" / f"seed{seed}" / "checkpoint.safetensors",
        checkpoint_path=folder / "checkpoint.safetensors",
        history_path=folder / "history.jsonl",
        snapshots_path=folder / "snapshots.safetensors",
        seed=seed,
        log_path=folder / "pretrain.log",
        **shared,
    )
    machine = to_plain(MachineSettings())
    embed(
        settings=json.dumps({"variant": "oracle", **machine}),
        checkpoint_path=folder / "checkpoint.safetensors",
        embeddings_path=folder / "embeddings.h5",
        log_path=folder / "embed.log",
        **shared,
    )
    reference = read_metrics(part / "detach" / f"seed{seed}" / "metrics.json")
    section = {
        "kind": reference.probe,
        "c": list(reference.strengths),
        "class_weights": "fit_and_choice",
        "inner_folds": 3,
        "bootstrap": reference.interval.resamples,
        "confidence": reference.interval.confidence,
    }
    probe(
        settings=json.dumps({"probe": section, "candidates": [{}], **machine}),
        embeddings_paths=[folder / "embeddings.h5"],
        metrics_path=folder / "metrics.json",
        classifier_path=folder / "classifier.safetensors",
        log_path=folder / "probe.log",
        **shared,
    )
    return read_metrics(folder / "metrics.json")


def main() -> None:
    """Write `docs/evidence/oracle_weights.md`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--dataset", default="opportunity")
    parser.add_argument("--split", default="default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        oracle = []
        for seed in options.seeds:
            folder = Path(name) / str(seed)
            folder.mkdir()
            oracle.append(run_oracle(options.results, options.dataset, options.split, seed, folder))
    part = options.results / options.dataset / options.split
    lines = [
        f"Weights from the true labels on {options.dataset} ({oracle[0].source} data), split {options.split}, seeds"
        f" {', '.join(map(str, options.seeds))}, commit {oracle[0].provenance.commit}: weighted F1, and oracle minus"
        " baseline with its 95 % interval over seeds and gestures.",
        "",
        "| protocol | oracle | " + " | ".join(f"{baseline} | difference" for baseline in BASELINES) + " |",
        "|---|---|" + "---|---|" * len(BASELINES),
    ]
    for protocol in oracle[0].protocols:
        cells = [f"{sum(run.protocols[protocol].f1_weighted for run in oracle) / len(oracle):.3f}"]
        for baseline in BASELINES:
            runs = [read_metrics(part / baseline / f"seed{seed}" / "metrics.json") for seed in options.seeds]
            pair = paired(oracle, runs, protocol)
            found = difference([pair], f1_of(len(oracle[0].class_names)), oracle[0].interval)
            cells.append(f"{sum(run.protocols[protocol].f1_weighted for run in runs) / len(runs):.3f}")
            cells.append(f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]")
        lines.append(f"| {protocol} | " + " | ".join(cells) + " |")
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
