import ast
import re

from detach_core.config.load import load_config
from detach_core.config.yaml_file import read_default
from detach_core.workflow.stages import workflow_stages

STAGES = {
    "download",
    "simulate_home",
    "ingest",
    "extract_frames",
    "flow",
    "pack",
    "split",
    "pretrain_spatial",
    "pretrain",
    "embed",
    "probe",
    "negative_pairs",
    "activation_maps",
    "training_curves",
    "table",
    "lists",
    "figure",
    "readme_table",
    "results_page",
    "html_report",
    "timeline",
    "suggest",
    "retrieval",
    "recognizer",
    "label_curve",
    "few_labels",
    "significance",
    "claims",
}


def stems(folder):
    return {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__"}


def rules(root):
    texts = [path.read_text(encoding="utf-8") for path in (root / "rules").glob("*.smk")]
    return {
        match[1]: match[0]
        for text in texts
        for match in re.finditer(r"^rule (\w+):.*?(?=^rule |\Z)", text, re.S | re.M)
    }


def test_rules_stages_and_logs_share_their_names(root):
    assert stems(root / "workflow_scripts") == {"run_stage"}
    assert stems(root / "detach_core" / "stages") == STAGES
    assert set(rules(root)) == STAGES
    for name, text in rules(root).items():
        of_others = {stage for stage in re.findall(r'STAGES\["(\w+)"\]', text)} - {name}
        assert of_others == set(), f"{name} takes something of another stage"
        assert f'STAGES["{name}"].log' in text
        assert f'STAGES["{name}"].benchmark' in text
        assert f'**STAGES["{name}"].params' in text
        assert '"../workflow_scripts/run_stage.py"' in text
        assert re.search(rf'CODE\.of_stage\("{name}"[,)]', text)


def test_what_a_stage_depends_on_beside_its_files_is_a_param_of_its_rule(root):
    stages = workflow_stages(load_config(read_default(checkout=root)))
    for name, text in rules(root).items():
        assert (f'**STAGES["{name}"].triggers' in text) == bool(stages[name].triggers), name
        assert (f'**STAGES["{name}"].inputs' in text) == bool(stages[name].inputs), name


def test_every_rule_has_all_that_a_rule_needs(root):
    for name, text in rules(root).items():
        for directive in (
            '"""',
            "output:",
            "log:",
            "benchmark:",
            "params:",
            "threads:",
            "mem_mb=",
            "runtime=",
            "conda:",
        ):
            assert directive in text, f"{name} has no {directive}"
        assert ("gpu=" in text) == (
            name in {"pretrain", "pretrain_spatial", "embed", "negative_pairs", "activation_maps"}
        ), name


def imported_modules(path):
    """The modules of the package that a test file imports, in whatever function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_every_module_is_imported_by_a_test_of_its_room_or_has_a_test_of_its_name(root, modules):
    lacking = []
    for path in modules:
        relative = path.relative_to(root / "detach_core")
        room, name = relative.parts[0], ".".join(path.relative_to(root).with_suffix("").parts)
        tests = [*(root / "tests" / room).rglob("test_*.py"), *(root / "tests").glob(f"test_{room}")]
        named = any(test.name == f"test_{path.name}" for test in tests)
        if path.name != "__init__.py" and not named and not any(name in imported_modules(test) for test in tests):
            lacking.append(str(relative))
    assert lacking == []
