import ast
import json
import re

import pytest

from detach_core.config import evidence
from detach_core.config.load import load_config
from detach_core.config.yaml_file import read_default
from detach_core.evaluation.settings import (
    ActivationMapsJob,
    ClaimsJob,
    EmbedJob,
    NegativePairsJob,
    ProbeJob,
    RetrievalJob,
    SignificanceJob,
)
from detach_core.methods.registry import METHODS
from detach_core.reports.figures import read_figure
from detach_core.reports.settings import TableJob
from detach_core.settings.base import from_plain, to_plain
from detach_core.simulation.registry import HOMES
from detach_core.stages.simulate_home import read_simulation_job
from detach_core.training.job import read_job

ARGUMENTS = {"split": ("hwu_usp", "default")}
# Settings of a stage as the configuration gives them, and the type that the stage takes back.
JOBS = [
    (EmbedJob, lambda config: config.embedding("detach")),
    (ProbeJob, lambda config: config.probing("detach")),
    (ProbeJob, lambda config: config.probing("detach-temporal-action")),
    (NegativePairsJob, lambda config: config.negative_pairs("detach")),
    (ActivationMapsJob, lambda config: config.activation_maps("hwu_usp", "detach")),
    (TableJob, lambda config: config.table("table1")),
    (TableJob, lambda config: config.table("table7")),
    (ClaimsJob, evidence.claim_settings),
    (SignificanceJob, evidence.significance_settings),
    (RetrievalJob, evidence.retrieval_settings),
]


def keys_read(path):
    """The keys of the settings that a stage's own file reads by name: (`a`,) or (`a`, `b`) for `values["a"]["b"]`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and node.value
        and ast.unparse(node.value) == "json.loads(settings)"
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    }
    assert names, f"{path.name} reads no settings"

    def chain(node):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            above = chain(node.value)
            return None if above is None else (*above, node.slice.value)
        return () if isinstance(node, ast.Name) and node.id in names else None

    return {found for node in ast.walk(tree) if isinstance(node, ast.Subscript) and (found := chain(node))}


@pytest.mark.parametrize(
    "stage",
    ["download", "ingest", "extract_frames", "flow", "pack", *ARGUMENTS],
)
def test_a_stage_reads_only_settings_that_it_is_given(root, stage):
    config = load_config(read_default(checkout=root))
    settings = json.loads(getattr(config, stage)(*ARGUMENTS.get(stage, ("hwu_usp",))))
    for keys in keys_read(root / "detach_core" / "stages" / f"{stage}.py"):
        value = settings
        for key in keys:
            assert key in value, f"{stage} reads {'.'.join(keys)}, which its settings lack"
            value = value[key]


def test_a_training_gets_its_settings_typed(root):
    """What these stages read of their settings, mypy checks."""
    config = load_config(read_default(checkout=root))
    for text in (config.spatial("default", "hwu_usp"), config.pretraining("detach", "hwu_usp")):
        job = read_job(text)
        assert type(job.settings) is METHODS.settings(job.method)
        assert job.to_plain() == json.loads(text)


def test_a_simulation_gets_its_settings_typed(root):
    """What the stage reads of its settings, mypy checks."""
    config = load_config(read_default(checkout=root))
    for dataset in config.document.datasets:
        job = read_simulation_job(dataset, config.simulate_home(dataset))
        assert type(job.home) is HOMES.settings(dataset)
        assert job.home == config.document.datasets[dataset].home


@pytest.mark.parametrize(("kind", "settings"), JOBS)
def test_a_stage_takes_back_what_the_configuration_gives_it(root, kind, settings):
    text = settings(load_config(read_default(checkout=root)))
    assert to_plain(from_plain(kind, json.loads(text))) == json.loads(text)


def test_a_figure_takes_back_what_the_configuration_gives_it(root):
    config = load_config(read_default(checkout=root))
    for name, figure in config.figures.items():
        assert read_figure(config.figure(name)) == figure


@pytest.mark.parametrize("package", ["methods", "training", "encoders", "simulation", "reports", "evaluation"])
def test_no_setting_is_looked_up_by_a_text(root, package):
    found = [
        f"{path.relative_to(root)}:{number}"
        for path in sorted((root / "detach_core" / package).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"\b(settings|section)(\[[\"']|\.get\()|settings: (Mapping|dict)\b", line)
    ]
    assert found == []
