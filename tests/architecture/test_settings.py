import ast
import json

import pytest

from detach_core.config import evidence
from detach_core.config.load import load_config
from detach_core.config.yaml_file import read_yaml

ARGUMENTS = {
    "split": ("hwu_usp", "default"),
    "pretrain_spatial": ("default", "hwu_usp"),
    "pretrain": ("detach", "hwu_usp"),
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
ASKED = {"pretrain_spatial": "spatial", "pretrain": "pretraining", "embed": "embedding", "probe": "probing"}


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
    ["download", "simulate_home", "ingest", "extract_frames", "flow", "pack", *ARGUMENTS, *OF_EVIDENCE],
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
