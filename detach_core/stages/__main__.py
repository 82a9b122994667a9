"""Execution of a plan's steps in order, without the workflow: `python -m detach_core.stages plan.json`.

A plan (`detach_core/workflow/plan.py`) is a list of `{stage, arguments}`. Only what the steps need is imported.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

from detach_core.foundation.errors import BadInputError

PLANNED = ("pretrain_spatial", "pretrain", "embed", "probe")


def run_plan(path: str | Path) -> None:
    """Run every step of the plan at `path`.

    Raises:
        BadInputError: a step names a stage that a plan cannot hold.
    """
    for place, step in enumerate(json.loads(Path(path).read_text(encoding="utf-8"))):
        stage = step["stage"]
        if stage not in PLANNED:
            raise BadInputError(
                path, f"step {place}", found=repr(stage), expected=", ".join(PLANNED), remedy="make the plan again"
            )
        getattr(import_module(f"detach_core.stages.{stage}"), stage)(**step["arguments"])


if __name__ == "__main__":
    run_plan(sys.argv[1])
