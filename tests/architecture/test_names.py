import ast
import re

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
    "figure",
    "readme_table",
    "results_page",
    "html_report",
    "retrieval",
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


def test_rules_adapters_stages_and_logs_share_their_names(root):
    assert stems(root / "workflow_scripts") == STAGES
    assert stems(root / "detach_core" / "stages") == STAGES
    assert set(rules(root)) == STAGES
    for name, text in rules(root).items():
        assert f'/{name}.log"' in text
        assert f'/{name}.benchmark.tsv"' in text
        assert f'"../workflow_scripts/{name}.py"' in text
        assert re.search(rf'CODE\.of_stage\("{name}"[,)]', text)


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


def test_each_adapter_hands_over_what_its_stage_asks_for(root):
    for name in STAGES:
        stage = ast.parse((root / "detach_core" / "stages" / f"{name}.py").read_text(encoding="utf-8"))
        (function,) = (node for node in stage.body if isinstance(node, ast.FunctionDef) and node.name == name)
        assert not function.args.args, f"{name} takes keywords only"
        adapter = ast.parse((root / "workflow_scripts" / f"{name}.py").read_text(encoding="utf-8"))
        given = [keyword.arg for keyword in adapter.body[-1].value.keywords]
        assert sorted(given) == sorted(argument.arg for argument in function.args.kwonlyargs), name


def test_every_module_has_its_test(root, modules):
    lacking = []
    for path in modules:
        relative = path.relative_to(root / "detach_core")
        twin = root / "tests" / relative.with_name(f"test_{path.name}")
        if path.name != "__init__.py" and not twin.is_file():
            lacking.append(f"{relative} lacks {twin.relative_to(root)}")
    assert lacking == []
