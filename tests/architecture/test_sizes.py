import ast


def num_lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_module_is_longer_than_400_lines(root, modules):
    assert {str(path.relative_to(root)): num_lines(path) for path in modules if num_lines(path) > 400} == {}


def test_the_workflow_stays_small(root):
    assert num_lines(root / "Snakefile") <= 60
    assert num_lines(root / "rules" / "common.smk") <= 80


def test_an_adapter_is_its_imports_and_one_call(root):
    adapters = sorted((root / "workflow_scripts").glob("*.py"))
    assert len(adapters) == 22
    for path in adapters:
        docstring, *imports, call = ast.parse(path.read_text(encoding="utf-8")).body
        assert isinstance(docstring, ast.Expr), path.name
        assert isinstance(docstring.value, ast.Constant), path.name
        assert all(isinstance(node, ast.ImportFrom) for node in imports), path.name
        assert [node.module for node in imports] == [f"detach_core.stages.{path.stem}"], path.name
        assert isinstance(call, ast.Expr), path.name
        assert isinstance(call.value, ast.Call), path.name
        assert call.value.func.id == path.stem
        assert num_lines(path) <= 15, path.name
