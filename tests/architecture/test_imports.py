import ast
import json
import re
import subprocess
import sys
from pathlib import Path

DATA_STAGES = ("download", "simulate_home", "ingest", "extract_frames", "flow", "pack", "table")
BARE_STAGES = ("pretrain", "pretrain_spatial", "embed", "probe", "split")


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def loaded_after(root, statement):
    code = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_imports_go_down_only(root):
    done = subprocess.run([Path(sys.executable).with_name("lint-imports")], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_torchvision_is_imported_in_one_guarded_place(root):
    places = [*root.glob("detach_core/**/*.py"), *root.glob("tests/**/*.py"), *root.glob("workflow_scripts/*.py")]
    users = {path.name for path in places for name in imported(path) if name.split(".")[0] == "torchvision"}
    assert users <= {"video_weights.py"}


def test_the_stages_of_the_data_side_load_no_torch(root):
    assert "torch" not in loaded_after(root, "; ".join(f"import detach_core.stages.{stage}" for stage in DATA_STAGES))


def test_training_and_evaluation_run_on_a_bare_machine(root):
    absent = ("pydantic", "snakemake", "av", "cv2", "pandas", "yaml", "tqdm", "matplotlib", "requests", "tenacity")
    stages = "; ".join(f"import detach_core.stages.{stage}" for stage in BARE_STAGES)
    loaded_after(root, f"sys.modules.update(dict.fromkeys({absent})); {stages}")


def test_no_module_prints_or_reads_a_pickle(root, modules):
    # Of a pickle, weights alone are read: a user's file of them can hold no code.
    words = re.compile(r"^import pickle|^from pickle|torch\.load\((?!.*weights_only=True)|\bprint\(", re.M)
    assert [str(path.relative_to(root)) for path in modules if words.search(path.read_text(encoding="utf-8"))] == []
