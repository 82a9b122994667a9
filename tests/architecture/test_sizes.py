def num_lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_module_is_longer_than_400_lines(root, modules):
    assert {str(path.relative_to(root)): num_lines(path) for path in modules if num_lines(path) > 400} == {}


def test_rules_hold_rules_and_the_one_script_one_call(root):
    assert num_lines(root / "Snakefile") <= 90
    for path in (root / "rules").glob("*.smk"):
        assert "\ndef " not in path.read_text(encoding="utf-8"), f"{path.name} holds more than rules"
    assert num_lines(root / "workflow_scripts" / "run_stage.py") <= 5


def test_no_line_of_yaml_is_wider_than_120(root):
    skipped = {".venv", "results", "data", ".snakemake"}
    paths = [path for path in root.rglob("*.y*ml") if not skipped & set(path.relative_to(root).parts)]
    assert len(paths) > 10
    wide = [
        f"{path.relative_to(root)}:{number}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 120
    ]
    assert wide == []


def test_the_users_file_is_short(root):
    assert num_lines(root / "config.yaml") <= 200
