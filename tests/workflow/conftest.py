"""A copy of the workflow whose adapters only create their outputs; DAG, params and digests are the real ones."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config.yaml", "rules", "config", "profiles", "envs", "report", "detach_core", "workflow_scripts")
STUB = '''"""Create the outputs."""
from pathlib import Path

for path in snakemake.output:
    Path(path).write_text(f"{path}\\n")
'''


class Snakemake:
    """Runs of Snakemake that share one import of it."""

    def __init__(self):
        server = Path(__file__).with_name("snakemake_server.py")
        self.process = subprocess.Popen(
            [sys.executable, str(server)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, folder, arguments):
        self.process.stdin.write(json.dumps({"folder": str(folder), "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["code"], answer["text"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Workflow:
    """A folder with a workflow in it."""

    def __init__(self, folder, snakemake):
        self.folder, self.snakemake = folder, snakemake

    def run(self, *arguments, check=True):
        """Run Snakemake in the folder; its output."""
        code, text = self.snakemake(self.folder, arguments)
        if check:
            assert code == 0, text
        return text

    def overlay(self, changes):
        """The arguments that lay `changes` over the configuration."""
        path = self.folder / "overlay.yaml"
        path.write_text(yaml.safe_dump(changes))
        return ("--configfile", *self.layers, str(path))

    layers = ("config.yaml",)

    def plan(self, *targets, changes=None, layers=None):
        """What would run: `rule dataset name`, sorted; a job of two datasets stands twice."""
        arguments = self.overlay(changes) if changes else ("--configfile", *(layers or self.layers))
        text = self.run(*(targets or ("results/table1.csv",)), "-n", *arguments)
        return sorted(jobs(text))


@pytest.fixture(scope="session")
def one_home():
    """A function: the overlay under which every table and figure of a configuration needs one home and one row."""
    return _one_home


def _one_home(config):
    tables = {
        name: {"datasets": ["opportunity"]} | ({"rows": ["detach"]} if "rows" in table else {})
        for name, table in config["tables"].items()
    }
    figures: dict[str, Any] = {
        name: {"datasets": ["opportunity"]} if "datasets" in figure else {"dataset": "opportunity"}
        for name, figure in config["figures"].items()
    }
    for name, figure in config["figures"].items():
        if figure.get("colour") == "sensor":
            figures[name]["colour"] = "place"
    return {"tables": tables, "figures": figures}


def jobs(text):
    """The jobs that a dry run announces, by rule and the wildcards that tell them apart."""
    for block in re.split(r"\n(?=(?:local)?rule )", text):
        if match := re.match(r"(?:local)?rule (\w+):", block):
            found = re.search(r"^    wildcards: (.*)$", block, re.M)
            wildcards = dict(pair.split("=") for pair in found[1].split(", ")) if found else {}
            names = (wildcards.get(key) for key in ("dataset", "shard", "variant", "table", "figure"))
            yield " ".join([match[1], *filter(None, names)])


def copy_workflow(folder, snakemake):
    """A workflow in `folder`."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / part)
    for adapter in (folder / "workflow_scripts").glob("*.py"):
        adapter.write_text(STUB)
    return Workflow(folder, snakemake)


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def snakemake():
    """Snakemake, imported once."""
    server = Snakemake()
    yield server
    server.close()


@pytest.fixture(scope="session")
def copied(snakemake):
    """A function that copies the workflow into a folder."""
    return lambda folder: copy_workflow(folder, snakemake)


@pytest.fixture
def workflow(tmp_path, snakemake):
    """A workflow of one's own that has not run."""
    return copy_workflow(tmp_path, snakemake)


@pytest.fixture(scope="session")
def fresh(tmp_path_factory, snakemake):
    """A workflow that has not run."""
    return copy_workflow(tmp_path_factory.mktemp("fresh"), snakemake)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, snakemake):
    """A workflow that has run to the table: one shard a dataset, two variants."""
    workflow = copy_workflow(tmp_path_factory.mktemp("finished"), snakemake)
    small = {
        "datasets": {name: {"recordings_per_shard": 1000} for name in ("opportunity", "hwu_usp")},
        "tables": {"table1": {"rows": ["detach", "statistics"]}},
    }
    (workflow.folder / "small.yaml").write_text(yaml.safe_dump(small))
    workflow.layers = ("config.yaml", "small.yaml")
    workflow.run("results/table1.csv", "--cores", "2", "--configfile", *workflow.layers)
    return workflow
