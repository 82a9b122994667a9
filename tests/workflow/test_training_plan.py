import json
import runpy
import sys
from pathlib import Path

from detach_core.config.load import load_config
from detach_core.config.yaml_file import read_default
from detach_core.reports.settings import ResultsTable
from detach_core.workflow.plan import main, training_plan

ROOT = Path(__file__).resolve().parents[2]


def default():
    return load_config(read_default(checkout=ROOT))


def plan():
    return training_plan(default(), "table1")


def test_the_plan_holds_the_trainings_of_the_table_in_an_order_that_can_run():
    steps = plan()
    assert [step["stage"] for step in steps].count("pretrain_spatial") == 2
    assert [step["stage"] for step in steps].count("probe") == 2 * len(default().rows("table1"))
    written: set[str] = set()
    for step in steps:
        arguments = step["arguments"]
        needed = {"embed": ["checkpoint_path"], "probe": ["embeddings_paths"], "pretrain": ["spatial_path"]}
        for key in needed.get(step["stage"], []):
            paths = arguments[key] if isinstance(arguments[key], list) else [arguments[key]]
            assert all(path is None or path in written for path in paths)
        written |= {value for key, value in arguments.items() if key.endswith("_path") and value}


def test_paths_and_settings_are_the_workflows():
    config = load_config(read_default(checkout=ROOT))
    first = next(step for step in plan() if step["stage"] == "pretrain")
    assert first["arguments"]["settings"] == config.pretraining("imu2clip", "opportunity")
    assert first["arguments"]["checkpoint_path"] == "results/opportunity/default/imu2clip/seed0/checkpoint.safetensors"


def test_every_argument_is_one_of_the_stages_own():
    import importlib
    import inspect

    for step in plan():
        stage = getattr(importlib.import_module(f"detach_core.stages.{step['stage']}"), step["stage"])
        assert set(inspect.signature(stage).parameters) == set(step["arguments"])


def test_overlays_lie_over_the_default(capsys):
    main(["table1", str(ROOT / "config.yaml"), str(ROOT / "config" / "evidence.yaml")])
    steps = json.loads(capsys.readouterr().out)
    # 14 parts of five seeds.
    assert sum(step["stage"] == "probe" for step in steps) == 14 * 5 * len(default().rows("table1"))


def test_the_module_is_a_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["plan", "table1", str(ROOT / "config.yaml")])
    monkeypatch.delitem(sys.modules, "detach_core.workflow.plan")
    runpy.run_module("detach_core.workflow.plan", run_name="__main__")
    # On each home a probe of every row, training and features behind it once for rows that share them, and Stage 1.
    config = default()
    trainings = set(map(config.trained, config.rows("table1")))
    assert len(json.loads(capsys.readouterr().out)) == 2 * (len(config.rows("table1")) + 2 * len(trainings) + 1)


def test_a_search_trains_every_candidate_and_probes_once():
    config = load_config(read_default(ROOT / "config" / "search.yaml", checkout=ROOT))
    section, trained = config.document.tables["table1"], set()
    assert isinstance(section, ResultsTable)
    steps = training_plan(config, "table1")
    for row in section.rows:
        runs = config.candidates(row)
        trained |= set(runs)
        probes = [step for step in steps if step["arguments"]["log_path"].endswith(f"/{row}/seed0/probe.log")]
        assert len(probes) == len(section.datasets)
        folder = f"results/{section.datasets[0]}/default"
        assert probes[0]["arguments"]["embeddings_paths"] == [f"{folder}/{run}/seed0/embeddings.h5" for run in runs]
        assert probes[0]["arguments"]["metrics_path"] == f"{folder}/{row}/seed0/metrics.json"
    counts = [step["stage"] for step in steps].count
    assert counts("pretrain") == counts("embed") == len(trained) * len(section.datasets)
    assert counts("probe") == len(section.rows) * len(section.datasets)
