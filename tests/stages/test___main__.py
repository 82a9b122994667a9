import json
import subprocess
import sys
import types

import pytest

from detach_core.foundation.errors import BadInputError
from detach_core.stages.__main__ import run_plan


def test_steps_run_in_order_with_their_arguments(tmp_path, monkeypatch):
    ran = []
    for name in ("embed", "probe"):
        module = types.ModuleType(f"detach_core.stages.{name}")
        setattr(module, name, lambda name=name, **arguments: ran.append((name, arguments)))
        monkeypatch.setitem(sys.modules, f"detach_core.stages.{name}", module)
    steps = [{"stage": "embed", "arguments": {"a": 1}}, {"stage": "probe", "arguments": {"b": 2}}]
    (tmp_path / "plan.json").write_text(json.dumps(steps))
    run_plan(tmp_path / "plan.json")
    assert ran == [("embed", {"a": 1}), ("probe", {"b": 2})]


def test_a_stage_that_no_plan_may_hold_is_refused(tmp_path):
    (tmp_path / "plan.json").write_text(json.dumps([{"stage": "download", "arguments": {}}]))
    with pytest.raises(BadInputError, match="step 0: found 'download'"):
        run_plan(tmp_path / "plan.json")


def test_planned_stages_import_neither_the_workflow_nor_its_libraries():
    script = (
        "import sys, detach_core.stages.__main__ as m, importlib\n"
        "for name in m.PLANNED: importlib.import_module('detach_core.stages.' + name)\n"
        "print(sorted({'snakemake', 'pydantic', 'av', 'cv2', 'pandas', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
