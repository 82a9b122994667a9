import os

import pytest

from detach_core.workflow.code_digest import CodeDigest

SOURCES = {
    "__init__.py": "__version__ = '1'\n",
    "losses/__init__.py": '"""Losses."""\n',
    "losses/nce.py": '"""NCE."""\n\n\ndef nce(x):\n    """Eq. 1."""\n    # halve\n    return x / 2\n',
    "losses/other.py": "def other(x):\n    return x\n",
    "stages/__init__.py": "",
    "stages/train.py": "def train():\n    from detach_core.losses.nce import nce\n    return nce(4)\n",
    "stages/table.py": "import detach_core.stages.values as values\n",
    "stages/values.py": "NAME = 'values.csv'\n",
    "stages/values.csv": "1\n",
    "stages/relative.py": "from ..losses import other\n",
}
ADAPTER = '"""Adapter."""\nfrom detach_core.workflow.stage import run_stage\n\nrun_stage(snakemake)\n'
STAGES = ("train", "table", "relative")


@pytest.fixture
def package(tmp_path):
    for name, text in SOURCES.items():
        path = tmp_path / "detach_core" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def digests(root, cache=None):
    code = CodeDigest(root, cache)
    return {stage: code.of_stage(stage) for stage in STAGES}


def changed_by(root, name, text):
    before = digests(root, root / "cache.json")
    (root / "detach_core" / name).write_text(text)
    after = digests(root, root / "cache.json")
    assert after == digests(root), "the cache hides a change"
    return {stage for stage in STAGES if before[stage] != after[stage]}


@pytest.mark.parametrize(
    ("name", "old", "new", "stages"),
    [
        ("losses/nce.py", "# halve", "# take the half of it", set()),
        ("losses/nce.py", '"""Eq. 1."""', '"""Half of `x`, Eq. 1."""', set()),
        ("losses/nce.py", "def nce", "\n\ndef nce", set()),
        ("losses/nce.py", "x / 2", "x / 3", {"train"}),
        ("losses/other.py", "return x", "return -x", {"relative"}),
        ("stages/values.csv", "1", "2", {"table"}),
        ("losses/__init__.py", '"""Losses."""', "LOSSES = 1", {"train", "relative"}),
        ("__init__.py", "1", "2", set()),
    ],
)
def test_exactly_the_stages_that_import_changed_code_change(package, name, old, new, stages):
    assert old in SOURCES[name]
    assert changed_by(package, name, SOURCES[name].replace(old, new)) == stages


def test_undoing_a_change_gives_the_old_digest(package):
    before = digests(package)
    changed_by(package, "losses/nce.py", "def nce(x):\n    return 0\n")
    changed_by(package, "losses/nce.py", SOURCES["losses/nce.py"])
    assert digests(package) == before


def test_a_new_time_alone_changes_nothing(package):
    before = digests(package, package / "cache.json")
    os.utime(package / "detach_core/losses/nce.py", (1, 1))
    assert digests(package, package / "cache.json") == before


def test_an_import_that_appears_later_is_followed(package):
    changed_by(package, "stages/values.py", "from detach_core.losses.other import other\n")
    assert changed_by(package, "losses/other.py", "other = 3\n") == {"table", "relative"}


def test_a_broken_cache_is_read_anew(package):
    before = digests(package)
    (package / "cache.json").write_text("{")
    assert digests(package, package / "cache.json") == before


def test_a_module_that_is_named_in_a_string_is_followed(package):
    text = (
        'LOADED = {"nce": "detach_core.losses.nce:nce", "none": "detach_core.losses.gone", "words": "detach_core. x"}\n'
    )
    changed_by(package, "stages/values.py", text)
    assert changed_by(package, "losses/nce.py", "nce = 3\n") == {"train", "table"}


def test_the_modules_of_a_plugin_are_followed(package):
    home = package / "detach_core" / "homes"
    home.mkdir()
    for name in ("__init__", "settings", "recording", "other"):
        (home / f"{name}.py").write_text("VALUE = 1\n")
    changed_by(package, "stages/values.py", 'HOMES = {"mine": Plugin("detach_core.homes", "Mine", "recording:Home")}\n')
    changed = {
        name: changed_by(package, f"homes/{name}.py", "VALUE = 2\n") for name in ("settings", "recording", "other")
    }
    assert changed == {"settings": {"table"}, "recording": {"table"}, "other": set()}


def test_the_simulation_is_run_anew_when_a_home_changes(root):
    closure = CodeDigest(root).closure("detach_core.stages.simulate_home")
    folders = ("detach_core.simulation.opportunity", "detach_core.simulation.hwu_usp")
    assert {
        f"{folder}.{name}" for folder in folders for name in ("settings", "recording", "layout", "routine")
    } <= closure


def test_a_figure_is_drawn_anew_when_its_drawing_changes(root):
    closure = CodeDigest(root).closure("detach_core.stages.figure")
    assert {"detach_core.reports.figures.negative_pairs", "detach_core.contracts.analysis"} <= closure


def test_an_unknown_stage_is_refused(package):
    with pytest.raises(FileNotFoundError, match=r"detach_core\.stages\.fly"):
        CodeDigest(package).of_stage("fly")


def method_digests(root):
    code = CodeDigest(root)
    return {name: code.of_stage("pretrain", name) for name in ("detach", "primus", "supervised", "random_encoder")}


@pytest.mark.parametrize(
    ("module", "changed"),
    [
        ("primus/method", {"primus"}),
        ("primus/settings", {"primus"}),
        ("controls/method", {"supervised", "random_encoder"}),
        ("controls/settings", {"supervised", "random_encoder"}),
        ("registry", {"detach", "primus", "supervised", "random_encoder"}),
        ("__init__", {"detach", "primus", "supervised", "random_encoder"}),
    ],
)
def test_a_change_of_a_method_concerns_it_and_those_that_build_on_it(package, module, changed):
    methods = package / "detach_core" / "methods"
    modules = ("detach/stage2", "primus/method", "controls/method")
    for name in (*modules, "detach/settings", "primus/settings", "controls/settings", "registry", "__init__"):
        (methods / name).parent.mkdir(parents=True, exist_ok=True)
        (methods / f"{name}.py").write_text("VALUE = 1\n")
    (methods / "controls/supervised.py").write_text("from detach_core.methods.controls.method import VALUE\n")
    (package / "detach_core/stages/pretrain.py").write_text("from detach_core.methods.registry import METHODS\n")
    before = method_digests(package)
    with (methods / f"{module}.py").open("a") as file:
        file.write("CHANGED = True\n")
    after = method_digests(package)
    assert {name for name in before if before[name] != after[name]} == changed


def test_an_unknown_method_is_refused(root):
    with pytest.raises(FileNotFoundError, match=r"no method fly"):
        CodeDigest(root).of_stage("pretrain", "fly")


def test_the_closure_of_a_real_stage_holds_its_contracts(root):
    closure = CodeDigest(root).closure("detach_core.stages.split")
    assert {"detach_core.stages.split", "detach_core.contracts.split", "detach_core.contracts"} <= closure
    assert "detach_core" not in closure


@pytest.mark.parametrize(
    ("old", "new", "stages"),
    [
        ("Adapter", "The adapter", set()),
        ("snakemake)\n", "snakemake)  # here\n", set()),
        ("run_stage(snakemake)", "run_stage", set(STAGES)),
    ],
)
@pytest.mark.parametrize("path", ["workflow_scripts/run_stage.py", "detach_core/workflow/stage.py"])
def test_what_runs_a_stage_counts_as_its_code(package, path, old, new, stages):
    adapter = package / path
    adapter.parent.mkdir()
    adapter.write_text(ADAPTER)
    before = digests(package, package / "cache.json")
    assert old in ADAPTER
    adapter.write_text(ADAPTER.replace(old, new))
    after = digests(package, package / "cache.json")
    assert {stage for stage in STAGES if before[stage] != after[stage]} == stages
