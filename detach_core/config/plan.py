"""All that follows the packed windows of a table, as plain JSON: for a machine with a GPU and without the workflow.

./run python -m detach_core.config.plan table1 config.yaml config/full.yaml > plan.json
python -m detach_core.stages plan.json          # there: torch, numpy, h5py, scikit-learn, safetensors and this package

The paths are the workflow's, relative to the working directory; `windows.h5`, the shards' frames and flow, and
`split.json` travel with the plan, and what comes back lies where the workflow looks for it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detach_core.config.load import Config, load_config
from detach_core.config.yaml_file import read_yaml

Step = dict[str, Any]


def training_plan(config: Config, table: str) -> list[Step]:
    """The steps of `table` in their order, each `{stage, arguments}`; a Stage 1 that variants share stands once."""
    steps: dict[str, Step] = {}
    for dataset, split in config.parts(table):
        for seed in config.document.seeds:
            for variant in config.rows(table):
                for step in _run(config, dataset, split, variant, seed):
                    steps.setdefault(step["arguments"]["log_path"], step)
    return list(steps.values())


def _run(config: Config, dataset: str, split: str, variant: str, seed: int) -> list[Step]:
    shared = {
        "windows_path": f"results/{dataset}/windows.h5",
        "split_path": f"results/{dataset}/{split}/split.json",
    }
    results = f"results/{dataset}/{split}"
    folders = {run: f"{results}/{run}/seed{seed}" for run in config.candidates(variant)}
    spatial = config.spatial_of(config.trained(variant))
    stage_one = None if spatial is None else f"results/{dataset}/{split}/spatial/{spatial}/seed{seed}"
    steps = []
    if stage_one is not None:
        arguments = {
            "settings": config.spatial(str(spatial), dataset),
            **_trained(stage_one),
            "assignments_path": f"{stage_one}/assignments.h5",
            "seed": seed,
        }
        steps.append(_step("pretrain_spatial", stage_one, {**shared, **arguments}))
    for run, folder in folders.items():
        arguments = {
            "settings": config.pretraining(run, dataset),
            **_trained(folder),
            "spatial_path": None if stage_one is None else f"{stage_one}/checkpoint.safetensors",
            "snapshots_path": f"{folder}/snapshots.safetensors",
            "seed": seed,
        }
        steps.append(_step("pretrain", folder, {**shared, **arguments}))
        arguments = {
            "settings": config.embedding(run),
            "checkpoint_path": f"{folder}/checkpoint.safetensors",
            "embeddings_path": f"{folder}/embeddings.h5",
        }
        steps.append(_step("embed", folder, {**shared, **arguments}))
    arguments = {
        "settings": config.probing(variant),
        "embeddings_paths": [f"{folder}/embeddings.h5" for folder in folders.values()],
        "metrics_path": f"{results}/{variant}/seed{seed}/metrics.json",
    }
    steps.append(_step("probe", f"{results}/{variant}/seed{seed}", {**shared, **arguments}))
    return steps


def _trained(folder: str) -> dict[str, str]:
    return {"checkpoint_path": f"{folder}/checkpoint.safetensors", "history_path": f"{folder}/history.jsonl"}


def _step(stage: str, folder: str, arguments: dict[str, Any]) -> Step:
    return {"stage": stage, "arguments": {**arguments, "log_path": f"{folder}/{stage}.log"}}


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """`above` over `below`, as the workflow merges its config files: mappings join, everything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def main(arguments: Sequence[str]) -> None:
    """Print the plan of a table from config files that lie one over the other."""
    table, *paths = arguments
    merged: dict[str, Any] = {}
    for path in paths:
        merged = _merge(merged, dict(read_yaml(Path(path))))
    json.dump(training_plan(load_config(merged), table), sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(sys.argv[1:])
