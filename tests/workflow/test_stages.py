"""The table of stages: one for the rules, for a job's arguments and for training plans."""

import ast
import re
from types import SimpleNamespace

import pytest

from detach_core.config.load import load_config
from detach_core.config.yaml_file import read_default
from detach_core.workflow.session import with_folders
from detach_core.workflow.stage import expanded, filled, job_arguments
from detach_core.workflow.stages import figure_files, workflow_stages


@pytest.fixture(scope="module")
def config(root):
    return load_config(read_default(checkout=root))


@pytest.fixture(scope="module")
def stages(config):
    return workflow_stages(config)


def test_the_rules_are_the_stages_of_the_table(root, stages):
    text = "".join(path.read_text() for path in (root / "rules").glob("*.smk"))
    assert sorted(re.findall(r"^rule (\w+):", text, re.M)) == sorted(stages)


def test_each_stage_is_handed_what_its_function_takes(root, stages):
    for name, stage in stages.items():
        tree = ast.parse((root / "detach_core" / "stages" / f"{name}.py").read_text(encoding="utf-8"))
        (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
        assert not function.args.args, f"{name} takes keywords only"
        names = [*stage.argument_names, *(["paths"] if name == "figure" else [])]
        assert sorted(names) == sorted(argument.arg for argument in function.args.kwonlyargs), name


def test_a_jobs_arguments_are_those_of_its_stage(config, stages):
    """As Snakemake hands them over, and as a training plan holds them."""
    stage, wildcards = stages["pretrain"], {"dataset": "hwu_usp", "split": "default", "variant": "detach", "seed": "3"}
    run = "results/hwu_usp/default/detach/seed3"
    files = {name: path and filled(path, wildcards) for name, path in stage.outputs.items()}
    assert files["tensorboard_path"] == []
    data = {"windows_path": "results/hwu_usp/windows.h5", "split_path": "results/hwu_usp/default/split.json"}
    spatial = "results/hwu_usp/default/spatial/default/seed3/checkpoint.safetensors"
    settings = config.pretraining("detach", "hwu_usp")
    job = SimpleNamespace(
        rule="pretrain",
        wildcards=wildcards,
        params={"settings": settings, "weights": [], "code": "0"},
        input={**data, "spatial_path": spatial, "weights": []},
        output=files,
        log=[f"{run}/pretrain.log"],
    )
    expected = {
        "settings": settings,
        **data,
        "spatial_path": spatial,
        "checkpoint_path": f"{run}/checkpoint.safetensors",
        "history_path": f"{run}/history.jsonl",
        "snapshots_path": f"{run}/snapshots.safetensors",
        "seed": 3,
        "log_path": f"{run}/pretrain.log",
        "tensorboard_path": None,
    }
    assert job_arguments(job, expected) == expected
    assert stage.arguments(**wildcards | {"seed": 3}) == expected


@pytest.mark.parametrize("name", ["pretrain", "pretrain_spatial"])
def test_event_files_are_a_folder_beside_the_checkpoint_where_they_are_asked_for(root, stages, name):
    data = read_default(checkout=root) | {"tensorboard": True}
    wanted = workflow_stages(load_config(data))[name]
    place = str(wanted.outputs["checkpoint_path"]).replace("checkpoint.safetensors", "tensorboard")
    made = with_folders("folder {}".format, wanted)
    assert made == {**wanted.outputs, "tensorboard_path": f"folder {place}"}
    assert with_folders("folder {}".format, stages[name]) == {**wanted.outputs, "tensorboard_path": []}
    wildcards = {"dataset": "hwu_usp", "split": "default", "variant": "detach", "spatial": "default", "seed": 3}
    assert wanted.arguments(**wildcards)["tensorboard_path"] == filled(place, wildcards)
    assert wanted.arguments(**wildcards)["settings"] == stages[name].arguments(**wildcards)["settings"]


def test_a_method_without_stage_1_gets_none(stages):
    wildcards = {"dataset": "hwu_usp", "split": "default", "variant": "primus", "seed": 0}
    assert stages["pretrain"].arguments(**wildcards)["spatial_path"] is None
    job = SimpleNamespace(rule="pretrain", wildcards={}, params={}, input={"spatial_path": []}, output={}, log=["log"])
    assert job_arguments(job, {"spatial_path": None}) == {"spatial_path": None}


def test_a_figure_gets_its_name_and_all_its_inputs():
    inputs = {"windows": ["a.h5", "b.h5"], "split": ["s.json"]}
    job = SimpleNamespace(rule="figure", wildcards={"figure": "figure9"}, params={}, input=inputs, output={}, log=["l"])
    assert job_arguments(job, {"name": None, "paths": None}) == {"name": "figure9", "paths": inputs}


def test_the_probe_of_a_searched_variant_reads_every_candidate(root):
    config = load_config(read_default(root / "config" / "search.yaml", checkout=root))
    wildcards = {"dataset": "opportunity", "split": "default", "variant": "detach", "seed": 0}
    found = workflow_stages(config)["probe"].arguments(**wildcards)
    runs = [f"results/opportunity/default/{run}/seed0" for run in ("detach", "detach+1", "detach+2")]
    assert found["embeddings_paths"] == [f"{run}/embeddings.h5" for run in runs]
    assert found["metrics_path"] == f"{runs[0]}/metrics.json"
    assert found["classifier_path"] == f"{runs[0]}/classifier.safetensors"


def test_the_report_shows_the_curves_of_what_table_1_trains(root):
    """Stage 1's as well; not those of controls that nothing is trained for, nor of other splits and seeds."""
    data = read_default(root / "config" / "evidence.yaml", checkout=root)
    data["tables"]["table1"]["rows"] = ["detach", "primus", "statistics", "random_encoder"]
    paths = workflow_stages(load_config(data))["html_report"].arguments()["target_paths"]
    curves = [path for path in paths if path.endswith("history.png")]
    folders = [path.removeprefix("results/").removesuffix("/history.png").split("/") for path in curves]
    assert [folder[2:] for folder in folders] == 2 * [
        ["spatial", "default", "seed0"],
        ["detach", "seed0"],
        ["primus", "seed0"],
    ]
    assert len({tuple(folder[:2]) for folder in folders}) == 2
    assert {folder[0] for folder in folders} == {"opportunity", "hwu_usp"}


def test_a_pattern_is_expanded_with_the_last_value_fastest_and_each_path_once():
    assert expanded("{a}/{b}", a=["x", "y"], b=[1, 2]) == ["x/1", "x/2", "y/1", "y/2"]
    assert expanded("{a}", a=["x", "x"], b=[]) == ["x"]
    assert filled("{a}/{b}", {"a": 1}) == "1/{b}"


def test_a_figure_takes_every_seed_where_its_drawing_does(root):
    data = read_default(checkout=root)
    data["seeds"] = [0, 1]
    config = load_config(data)
    folder = "results/{}/default/spatial/default/seed{}/history.jsonl"
    assert figure_files(config, "figure10") == {
        "windows": ["results/opportunity/windows.h5", "results/hwu_usp/windows.h5"],
        "spatial_history": [folder.format(name, seed) for seed in (0, 1) for name in ("opportunity", "hwu_usp")],
    }
    embeddings = figure_files(config, "figure7")["embeddings"]
    assert embeddings == ["results/opportunity/default/detach/seed0/embeddings.h5"], "a feature map shows one run"
