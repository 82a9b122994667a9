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

from detach_core.config import Config, load_config
from detach_core.config.yaml_file import read_yaml

Step = dict[str, Any]


def training_plan(config: Config, table: str) -> list[Step]:
    """The steps of `table` in their order, each `{stage, arguments}`; a Stage 1 that variants share stands once."""
    section = config.document.tables[table]
    steps: dict[str, Step] = {}
    for dataset in section.datasets:
        for seed in config.document.seeds:
            for variant in config.rows(table):
                for step in _run(config, dataset, section.split, variant, seed):
                    steps.setdefault(step["arguments"]["log_path"], step)
    return list(steps.values())


def _run(config: Config, dataset: str, split: str, variant: str, seed: int) -> list[Step]:
    shared = {
        "windows_path": f"results/{dataset}/windows.h5",
        "split_path": f"results/{dataset}/{split}/split.json",
    }
    run = f"results/{dataset}/{split}/{variant}/seed{seed}"
    checkpoint, embeddings = f"{run}/checkpoint.safetensors", f"{run}/embeddings.h5"
    spatial = config.spatial_of(variant)
    stage_one = None if spatial is None else f"results/{dataset}/{split}/spatial/{spatial}/seed{seed}"
    steps = []
    if stage_one is not None:
        arguments = {"settings": config.spatial(str(spatial)), **_trained(stage_one), "seed": seed}
        steps.append(_step("pretrain_spatial", stage_one, {**shared, **arguments}))
    arguments = {
        "settings": config.pretraining(variant),
        **_trained(run),
        "spatial_path": None if stage_one is None else f"{stage_one}/checkpoint.safetensors",
        "snapshots_path": f"{run}/snapshots.safetensors",
        "seed": seed,
    }
    steps.append(_step("pretrain", run, {**shared, **arguments}))
    arguments = {
        "settings": config.embedding(variant),
        "checkpoint_path": checkpoint,
        "embeddings_path": embeddings,
    }
    steps.append(_step("embed", run, {**shared, **arguments}))
    arguments = {
        "settings": config.probing(),
        "embeddings_path": embeddings,
        "metrics_path": f"{run}/metrics.json",
    }
    steps.append(_step("probe", run, {**shared, **arguments}))
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
