"""No pickle, no code from data, no archive without suspicion: what the package's code may not call."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "detach_core"
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
UNPACKING = {"extractall", "extract", "unpack_archive"}


def dotted(node):
    """`a.b.c` of an expression, empty for others."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def is_true(call, name):
    return any(
        item.arg == name and isinstance(item.value, ast.Constant) and item.value.value is True for item in call.keywords
    )


def safe_loaders(tree):
    """Loaders of YAML that stand on SafeLoader."""
    bases = {
        node.name: {dotted(base) for base in node.bases} for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    }
    return {name for name, above in bases.items() if "yaml.SafeLoader" in above} | {"yaml.SafeLoader"}


def fault(node, tree):
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        return next((name for name in names if name.split(".")[0] in MODULES), None)
    if not isinstance(node, ast.Call):
        return None
    name = dotted(node.func)
    keywords = {item.arg: item.value for item in node.keywords}
    last = name.rpartition(".")[2]
    if name in BUILTINS or last in ("loads_pickle", "read_pickle", "to_pickle"):
        return name
    if name in ("torch.load", "load") and not is_true(node, "weights_only"):
        return name
    if name in ("torch.save", "torch.hub.load", "torch.jit.load", "torch.hub.load_state_dict_from_url"):
        return name
    if last == "load" and name.split(".")[0] in ("np", "numpy") and "allow_pickle" in keywords:
        return name
    if name in ("yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "yaml.unsafe_load_all", "yaml.full_load_all"):
        return name
    if name == "yaml.load" and dotted(keywords.get("Loader")) not in safe_loaders(tree):
        return name
    if last in UNPACKING and "filter" not in keywords:
        return name
    if last in ("run", "Popen", "call", "check_output") and is_true(node, "shell"):
        return name
    return "os.system" if name in ("os.system", "os.popen") else None


def faults(text):
    tree = ast.parse(text)
    return [found for node in ast.walk(tree) if (found := fault(node, tree))]


def test_the_package_loads_no_pickle_and_runs_no_code_from_data():
    found = {
        path.relative_to(PACKAGE).as_posix(): faults(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")
    }
    assert len(found) > 100
    assert {path: names for path, names in found.items() if names} == {}


def test_torch_loads_weights_in_one_place_alone():
    holders = {path.name for path in PACKAGE.rglob("*.py") if "torch.load(" in path.read_text(encoding="utf-8")}
    assert holders == {"video_weights.py"}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.FullLoader)",
        "yaml.load(text)",
        "class L(yaml.Loader): pass\nyaml.load(text, Loader=L)",
        "eval(text)",
        "exec(text)",
        "archive.extractall(folder)",
        "shutil.unpack_archive(path)",
        "subprocess.run(text, shell=True)",
        "os.system(text)",
        "pd.read_pickle(path)",
    ],
)
def test_what_is_looked_for_is_found(text):
    assert len(faults(text)) == 1


@pytest.mark.parametrize("text", ["torch.load(path, weights_only=True)", "np.load(path)", "yaml.safe_load(text)"])
def test_what_is_harmless_passes(text):
    assert faults(text) == []
