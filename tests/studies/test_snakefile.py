"""The studies' own workflow: every study has a rule, and a dry run plans it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = {"__init__", "common", "calibrate", "video_control"}  # the latter two follow a run of an overlay of their own


def planned(folder, *targets):
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(ROOT / "studies" / "Snakefile"),
        "-n",
        "--forceall",
    ]
    done = subprocess.run([*command, *targets], cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_every_study_is_run_by_a_rule():
    text = (ROOT / "studies" / "Snakefile").read_text(encoding="utf-8")
    studies = {path.stem for path in (ROOT / "studies").glob("*.py")} - SHARED
    assert [name for name in sorted(studies) if f'"{name}"' not in text and f"studies.{name}" not in text] == []


@pytest.mark.slow
def test_a_study_of_the_statistics_is_planned_without_a_run(tmp_path):
    code, said = planned(tmp_path, "docs/statistics/fold_draws.csv")
    assert code == 0, said
    assert "rule statistics:" in said


@pytest.mark.slow
def test_a_study_of_results_names_the_results_that_it_lacks(tmp_path):
    code, said = planned(tmp_path, "docs/evidence/ledger.csv")
    assert code != 0
    assert "results/opportunity/default/detach/seed0/metrics.json" in said
    results = tmp_path / "results" / "opportunity" / "default" / "detach" / "seed3"
    results.mkdir(parents=True)
    (results / "metrics.json").touch()
    code, said = planned(tmp_path, "docs/evidence/ledger.csv")
    assert code == 0, said
    assert "seed3/metrics.json" in said
