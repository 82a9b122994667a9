import ast
import json
import re

import pytest

from detach_core.acquisition.settings import DownloadStageSettings
from detach_core.config import evidence
from detach_core.config.load import load_config
from detach_core.config.yaml_file import read_yaml
from detach_core.datasets.registry import DATASETS
from detach_core.datasets.settings import (
    ExtractFramesSettings,
    FlowStageSettings,
    IngestSettings,
    PackSettings,
    SplitStageSettings,
)
from detach_core.methods.registry import METHODS
from detach_core.settings.base import from_plain, to_plain
from detach_core.training.job import read_job

ARGUMENTS = {
    "embed": ("detach",),
    "probe": ("detach-temporal-half",),
    "negative_pairs": ("detach",),
    "activation_maps": ("hwu_usp", "detach"),
    "figure": ("figure4",),
    "table": ("table1",),
}
OF_EVIDENCE = {
    "claims": evidence.claim_settings,
    "significance": evidence.significance_settings,
    "retrieval": evidence.retrieval_settings,
}
OF_DATA = {
    "download": DownloadStageSettings,
    "ingest": IngestSettings,
    "extract_frames": ExtractFramesSettings,
    "flow": FlowStageSettings,
    "pack": PackSettings,
    "split": SplitStageSettings,
}
ASKED = {"embed": "embedding", "probe": "probing"}


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
    ["simulate_home", *ARGUMENTS, *OF_EVIDENCE],
)
def test_a_stage_reads_only_settings_that_it_is_given(root, stage):
    config = load_config(read_yaml(root / "config.yaml"))
    if stage in OF_EVIDENCE:
        settings = json.loads(OF_EVIDENCE[stage](config))
    else:
        settings = json.loads(getattr(config, ASKED.get(stage, stage))(*ARGUMENTS.get(stage, ("hwu_usp",))))
    for keys in keys_read(root / "detach_core" / "stages" / f"{stage}.py"):
        value = settings
        for key in keys:
            assert key in value, f"{stage} reads {'.'.join(keys)}, which its settings lack"
            value = value[key]


def test_a_training_gets_its_settings_typed(root):
    """What these stages read of their settings, mypy checks."""
    config = load_config(read_yaml(root / "config.yaml"))
    for text in (config.spatial("default", "hwu_usp"), config.pretraining("detach", "hwu_usp")):
        job = read_job(text)
        assert type(job.settings) is METHODS.settings(job.method)
        assert job.to_plain() == json.loads(text)


@pytest.mark.parametrize(("stage", "kind"), OF_DATA.items())
def test_a_stage_of_the_data_side_gets_its_settings_typed(root, stage, kind):
    config = load_config(read_yaml(root / "config.yaml"))
    for dataset in config.document.datasets:
        text = getattr(config, stage)(*((dataset, "default") if stage == "split" else (dataset,)))
        settings = from_plain(kind, json.loads(text))
        assert to_plain(settings) == json.loads(text)
        if native := getattr(settings, "native", None):
            own = native if stage == "download" else from_plain(DATASETS.settings(dataset), native)
            assert own.video_glob == config.document.datasets[dataset].native.video_glob


@pytest.mark.parametrize("package", ["methods", "training", "encoders", "datasets", "acquisition", "signals"])
def test_no_setting_is_looked_up_by_a_text(root, package):
    found = [
        f"{path.relative_to(root)}:{number}"
        for path in sorted((root / "detach_core" / package).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"\b(settings|section)(\[[\"']|\.get\()|settings: (Mapping|dict)\b", line)
    ]
    assert found == []
