"""A misspelt setting is found by mypy, before anything runs."""

import subprocess
import sys

import pytest

READS = """from detach_core.methods.detach.settings import DetachSettings
def read(settings: DetachSettings) -> float:
    return settings.{field}
"""
CHANGES = """from dataclasses import replace
from detach_core.methods.primus.settings import PrimusSettings
changed = replace(PrimusSettings(), {field}=3)
"""
IN_A_METHOD = """from detach_core.methods.detach.stage2 import Detach
def read(method: Detach) -> float:
    return method.settings.{field}
"""
IN_A_CLAIM = """from detach_core.evaluation.settings import Claim, OverKmeansSettings
def read(claim: Claim[OverKmeansSettings]) -> str:
    return claim.settings.{field}
"""
IN_A_FIGURE = """from detach_core.reports.figures.settings import FeatureMapSettings
def read(settings: FeatureMapSettings) -> float:
    return settings.{field}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "right", "wrong", "said"),
    [
        (READS, "hardness", "hardnes", 'has no attribute "hardnes"'),
        (CHANGES, "queue", "queues", 'Unexpected keyword argument "queues"'),
        (IN_A_METHOD, "momentum", "momentun", 'has no attribute "momentun"'),
        (IN_A_CLAIM, "spatial", "spatials", 'has no attribute "spatials"'),
        (IN_A_FIGURE, "perplexity", "perplexities", 'has no attribute "perplexities"'),
    ],
)
def test_a_misspelt_setting_fails_mypy(root, tmp_path, source, right, wrong, said):
    found = []
    for field in (right, wrong):
        # A name of its own: mypy's cache is by module, size and whole second.
        file = tmp_path / f"use_{field}.py"
        file.write_text(source.format(field=field))
        command = [
            sys.executable,
            "-m",
            "mypy",
            "--config-file",
            str(root / "pyproject.toml"),
            str(file),
        ]
        found.append(subprocess.run(command, cwd=root, capture_output=True, text=True, check=False))
    assert (found[0].returncode, found[1].returncode) == (0, 1), found[0].stdout
    assert f"{file.name}:3: error: " in found[1].stdout
    assert said in found[1].stdout
