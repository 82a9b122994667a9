"""What a change reruns: exactly what it touches and what is made from that."""

import os
from contextlib import contextmanager

import pytest
import yaml

from detach_core.methods.registry import METHODS
from detach_core.workflow.code_digest import CodeDigest

DATASETS = ("opportunity", "hwu_usp")
DATA = ("simulate_home", "ingest", "extract_frames", "flow", "pack", "split")
# Stage -> the stages that read what it writes.
READERS = {
    "simulate_home": {"ingest", "extract_frames"},
    "ingest": {"pack"},
    "extract_frames": {"flow", "pack"},
    "flow": {"pack"},
    "pack": {"split", "pretrain_spatial", "pretrain", "embed", "probe", "table"},
    "split": {"pretrain_spatial", "pretrain", "embed", "probe", "table"},
    "pretrain_spatial": {"pretrain detach"},
    "pretrain": {"embed"},
    "embed": {"probe"},
    "probe": {"table"},
    "table": set(),
}


# Each home of the tiny workflow has one shard, which its first recording names.
FIRST_RECORDINGS = {"opportunity": "S1-Drill", "hwu_usp": "cereals_s01"}


def expand(stages, datasets=DATASETS, variants=("detach", "statistics")):
    """The jobs of `stages` and of all that reads from them."""
    found, waiting = set(), [(stage, variants) for stage in stages]
    while waiting:
        stage, chosen = waiting.pop()
        name, _, only = stage.partition(" ")
        chosen = (only,) if only else chosen
        for dataset in datasets:
            if name == "table":
                found.add("table table1")
            elif name in ("pretrain", "embed", "probe"):
                found |= {f"{name} {dataset} {variant}" for variant in chosen}
            elif name in ("pack", "split", "pretrain_spatial"):
                found.add(f"{name} {dataset}")
            else:
                found.add(f"{name} {dataset} {FIRST_RECORDINGS[dataset]}")
        # What comes from data is read by every variant.
        waiting += [(reader, chosen) for reader in READERS[name]]
    return sorted(found)


# Stage, for each variant where that matters -> the method whose code it runs; None where it runs no method's.
METHOD_OF = dict.fromkeys(READERS) | {"pretrain_spatial": "detach_spatial"}
for stage in ("pretrain", "embed"):
    del METHOD_OF[stage]
    METHOD_OF |= {f"{stage} {method}": method for method in ("detach", "statistics")}


def closure_of(job, method):
    """What `CodeDigest.closure` takes for a job."""
    return f"detach_core.stages.{job.split()[0]}", METHODS.modules(method) if method else None


@contextmanager
def edited(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    try:
        yield
    finally:
        path.write_text(text)


@pytest.mark.slow
def test_nothing_changed_reruns_nothing(finished):
    assert finished.plan() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"methods": {"detach": {"hardness": 2.0}}}, expand(["pretrain"], variants=("detach",))),
        ({"spatial": {"default": {"alpha": 2.0}}}, expand(["pretrain_spatial"])),
        ({"probe": {"inner_folds": 4}}, expand(["probe"])),
        ({"datasets": {"hwu_usp": {"window": {"length_s": 4.0}}}}, expand(["pack"], datasets=("hwu_usp",))),
        ({"datasets": {"hwu_usp": {"flow": {"method": "farneback"}}}}, expand(["flow"], datasets=("hwu_usp",))),
        ({"splits": {"default": {"opportunity": {"folds": 5}}}}, expand(["split"], datasets=("opportunity",))),
        ({"methods": {"supervised": {"epochs": 3}}, "tables": {"table7": {"datasets": ["hwu_usp"]}}}, []),
    ],
    ids=["stage 2", "stage 1", "probe", "window", "flow", "split", "another method, another table"],
)
def test_a_changed_value_reruns_what_it_touches(finished, changes, expected):
    layers = ("config.yaml", "small.yaml")
    path = finished.folder / "overlay.yaml"
    path.write_text(yaml.safe_dump(changes))
    assert finished.plan(layers=(*layers, "overlay.yaml")) == expected


@pytest.mark.slow
def test_a_comment_a_docstring_and_a_touch_rerun_nothing(finished):
    folder = finished.folder / "detach_core"
    module = folder / "methods" / "detach" / "negatives.py"
    with (
        edited(module, '"""', '"""Reworded. '),
        edited(folder / "stages" / "ingest.py", "import json", "import json  # why"),
    ):
        for path in (*folder.rglob("*.py"), *finished.folder.glob("results/*/windows.h5")):
            os.utime(path)
        assert finished.plan() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "stages"),
    [
        ("signals/motion", {"flow"}),
        ("methods/detach/negatives", {"pretrain"}),
        ("reports/tables", {"table"}),
        ("contracts/windows", {"pack", "split", "pretrain", "pretrain_spatial", "embed", "probe", "table"}),
    ],
)
def test_changed_code_reruns_the_stages_that_import_it(finished, module, stages):
    code = CodeDigest(finished.folder)
    name = "detach_core." + module.replace("/", ".")
    importing = {job for job, method in METHOD_OF.items() if name in code.closure(*closure_of(job, method))}
    found = {job.split()[0] for job in importing}
    assert stages <= found
    assert not found & (set(DATA) - stages), "data stages must not depend on it"
    with edited(finished.folder / "detach_core" / f"{module}.py", "\n\n\n", "\n\n\nCHANGED = True\n\n\n"):
        assert finished.plan() == expand(sorted(importing))
    assert finished.plan() == []
