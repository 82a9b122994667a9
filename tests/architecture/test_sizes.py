def num_lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_module_is_longer_than_400_lines(root, modules):
    assert {str(path.relative_to(root)): num_lines(path) for path in modules if num_lines(path) > 400} == {}


def test_rules_hold_rules_and_the_one_script_one_call(root):
    assert num_lines(root / "Snakefile") <= 90
    for path in (root / "rules").glob("*.smk"):
        assert "\ndef " not in path.read_text(encoding="utf-8"), f"{path.name} holds more than rules"
    assert num_lines(root / "workflow_scripts" / "run_stage.py") <= 5
