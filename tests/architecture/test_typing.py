"""A misspelt setting is found by mypy, before anything runs: of each kind of plug-in, and of the search."""

import re
import subprocess
import sys

import pytest

METHOD_SETTINGS = """from detach_core.methods.detach.settings import DetachSettings
def read(settings: DetachSettings) -> float:
    return settings.{field}
"""
CHANGED_SETTINGS = """from dataclasses import replace
from detach_core.methods.primus.settings import PrimusSettings
changed = replace(PrimusSettings(), {field}=3)
"""
METHOD = """from detach_core.methods.detach.stage2 import Detach
def read(method: Detach) -> float:
    return method.settings.{field}
"""
CLAIM = """from detach_core.evaluation.settings import Claim, OverKmeansSettings
def read(claim: Claim[OverKmeansSettings]) -> str:
    return claim.settings.{field}
"""
FIGURE = """from detach_core.reports.figures.registry import FeatureMapSettings
def read(settings: FeatureMapSettings) -> float:
    return settings.{field}
"""
DATASET_SECTION = """from detach_core.config.document import DatasetSettings
def read(dataset: DatasetSettings) -> float:
    return dataset.window.{field}
"""
NATIVE_FILES = """from detach_core.datasets.hwu_usp.adapter import HwuUsp
def read(adapter: HwuUsp) -> str:
    return adapter.native.{field}
"""
HOME = """from detach_core.simulation.opportunity.recording import OpportunitySimulation
def read(home: OpportunitySimulation) -> float:
    return home.knobs.switches.{field}
"""
OTHER_HOME = """from detach_core.simulation.hwu_usp.settings import HwuHomeSettings
def read(home: HwuHomeSettings) -> float:
    return home.motion_sensors.{field}
"""
CANDIDATE = """from detach_core.settings.shared import Candidate
def read(candidate: Candidate) -> float:
    return candidate["optimizer"]["{field}"]
"""
NO_ATTRIBUTE, NO_KEY = 'has no attribute "{}"', 'has no key "{}"'
CASES = [
    (METHOD_SETTINGS, "hardness", "hardnes", NO_ATTRIBUTE),
    (CHANGED_SETTINGS, "queue", "queues", 'Unexpected keyword argument "{}"'),
    (METHOD, "momentum", "momentun", NO_ATTRIBUTE),
    (CLAIM, "spatial", "spatials", NO_ATTRIBUTE),
    (FIGURE, "perplexity", "perplexities", NO_ATTRIBUTE),
    (DATASET_SECTION, "stride_s", "strides_s", NO_ATTRIBUTE),
    (NATIVE_FILES, "time_column", "time_columns", NO_ATTRIBUTE),
    (HOME, "bounce_s", "bounces_s", NO_ATTRIBUTE),
    (OTHER_HOME, "hold_s", "holds_s", NO_ATTRIBUTE),
    (CANDIDATE, "lr", "lrr", NO_KEY),
]


@pytest.mark.slow
def test_a_misspelt_setting_fails_mypy(root, tmp_path):
    files, expected = [], {}
    for source, right, wrong, said in CASES:
        for field in (right, wrong):
            # A name of its own: mypy's cache is by module, size and whole second.
            files.append(tmp_path / f"use_{field}.py")
            files[-1].write_text(source.format(field=field))
        expected[files[-1].name] = said.format(wrong)
    command = [sys.executable, "-m", "mypy", "--config-file", str(root / "pyproject.toml"), *map(str, files)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    found = dict(re.findall(r"(use_\w+\.py):3: error: (.*)", done.stdout))
    assert (done.returncode, found.keys()) == (1, expected.keys()), done.stdout + done.stderr
    assert {name: text for name, text in expected.items() if text not in found[name]} == {}
