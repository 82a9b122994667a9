"""Training plan of a table: all jobs after `windows.h5` as plain JSON, for a GPU machine without the workflow.

./run python -m detach_core.workflow.plan table1 config.yaml config/full.yaml > plan.json
python -m detach_core.stages plan.json          # there: torch, numpy, h5py, scikit-learn, safetensors and this package

Settings and paths, relative to the working directory, are the workflow's; `windows.h5`, the shards' frames and flow,
and `split.json` travel with the plan, and what comes back lies where the workflow looks for it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from detach_core.config.load import Config, load_config
from detach_core.config.yaml_file import CHECKOUT, DEFAULT_LAYERS, read_layers
from detach_core.workflow.stages import workflow_stages

Step = dict[str, Any]


def training_plan(config: Config, table: str) -> list[Step]:
    """The steps of `table` in their order, each `{stage, arguments}`; a shared Stage 1 is listed once."""
    stages, steps = workflow_stages(config), dict[str, Step]()
    for dataset, split in config.parts(table):
        for seed in config.document.seeds:
            for variant in config.rows(table):
                for name, run in _jobs(config, variant):
                    arguments = stages[name].arguments(dataset=dataset, split=split, seed=seed, **run)
                    steps.setdefault(arguments["log_path"], {"stage": name, "arguments": arguments})
    return list(steps.values())


def _jobs(config: Config, variant: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Stage and wildcard of each job behind a row of a table, dependencies first."""
    if (spatial := config.spatial_of(config.trained(variant))) is not None:
        yield "pretrain_spatial", {"spatial": spatial}
    for run in config.candidates(variant):
        yield "pretrain", {"variant": run}
        yield "embed", {"variant": run}
    yield "probe", {"variant": variant}


def main(arguments: Sequence[str]) -> None:
    """Print the plan of a table from merged config files, over config/results.yaml."""
    table, *paths = arguments
    json.dump(
        training_plan(load_config(read_layers([CHECKOUT / DEFAULT_LAYERS[0], *paths])), table), sys.stdout, indent=1
    )
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(sys.argv[1:])
