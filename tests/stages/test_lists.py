import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from detach_core.contracts.embeddings import Embeddings, write_embeddings
from detach_core.contracts.hdf5 import open_artifact
from detach_core.contracts.metrics import read_metrics, write_metrics
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.windows import write_windows
from detach_core.stages.lists import lists
from detach_core.stages.split import split
from tests.fixtures.artifacts import make_metrics, make_windows

LISTS = ("predictions", "metrics", "classes", "embeddings")


def prepare(folder, windows, hold_out, held_out):
    folder.mkdir()
    write_windows(folder / "windows.h5", windows)
    settings = {"name": "default", "seed": 0, "pretrain": 0.5, "activation_quantile": 0.99, "folds": 3, "fold_draws": 1}
    split(
        settings=json.dumps(settings | {"hold_out": hold_out, "held_out": held_out}),
        windows_path=folder / "windows.h5",
        split_path=folder / "split.json",
        log_path=folder / "split.log",
    )
    for seed in (0, 1):
        made = Embeddings(
            features={"sensor": np.full((windows.num_windows, 2), seed, np.float32)},
            **dict.fromkeys(("method", "variant"), "detach"),
            split="default",
            seed=seed,
            probed="x",
            dataset=windows.dataset,
            source="simulated",
            video_init="scratch",
            provenance=make_provenance(stage="embed", source="simulated", settings={}, seed=seed),
        )
        write_embeddings(folder / f"embeddings{seed}.h5", made)
        metrics = make_metrics(dataset=windows.dataset, label_unit=windows.label_unit, seed=seed)
        write_metrics(folder / f"metrics{seed}.json", metrics)


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("homes")
    prepare(folder / "a", make_windows(), "recordings", ["S1-R2"])
    prepare(folder / "b", make_windows("recording", num_recordings=60, num_subjects=4), "subjects", ["S4"])
    return folder / "a", folder / "b"


def run(folder, homes, metrics_paths=None):
    lists(
        name="table1",
        metrics_paths=(
            [home / f"metrics{seed}.json" for home in homes for seed in (0, 1)]
            if metrics_paths is None
            else metrics_paths
        ),
        windows_paths=[home / "windows.h5" for home in homes],
        split_paths=[home / "split.json" for home in homes],
        embeddings_paths=[home / f"embeddings{seed}.h5" for home in homes for seed in (0, 1)],
        **{f"{name}_path": folder / f"{name}.parquet" for name in LISTS},
        log_path=folder / "lists.log",
    )
    return {name: pd.read_parquet(folder / f"{name}.parquet") for name in LISTS}


def test_all_runs_of_a_table_stand_in_four_lists(homes, tmp_path):
    found = run(tmp_path, homes)
    assert {name: len(frame) for name, frame in found.items()} == {
        "predictions": 2 * 2 * 2 * 60,
        "metrics": 2 * 2 * 2,
        "classes": 2 * 2 * 2 * 3,
        "embeddings": 2 * (144 + 360),
    }
    for name, schema in zip(LISTS, ("predictions", "metrics_list", "classes", "embeddings_index"), strict=True):
        attrs = found[name].attrs
        assert attrs["schema"] == f"detach.{schema}/1"
        assert attrs["seeds"] == ["0", "1"]
        assert attrs["protocols"] == ["paper", "by_recording"]
        assert (attrs["source"], attrs["splits"]) == ("simulated", ["default"])
        assert attrs["commits"]


def test_the_metrics_can_be_computed_again_from_the_predictions(homes, tmp_path):
    found = run(tmp_path, homes)
    predictions = found["predictions"]
    one = predictions[
        (predictions["dataset"] == "hwu_usp") & (predictions["seed"] == 1) & (predictions["protocol"] == "paper")
    ]
    from sklearn.metrics import f1_score

    metrics = found["metrics"].set_index(["dataset", "seed", "protocol"])
    expected = f1_score(one["label"], one["predicted"], average="weighted")
    assert metrics.loc[("hwu_usp", 1, "paper"), "f1_weighted"] == pytest.approx(expected)
    assert expected == pytest.approx(read_metrics(homes[1] / "metrics1.json").protocols["paper"].f1_weighted)


def test_the_index_leads_to_the_row_of_a_window(homes, tmp_path):
    index = run(tmp_path, homes)["embeddings"]
    chosen = index[(index["dataset"] == "opportunity") & (index["seed"] == 1) & (index["part"] == "held_out")]
    assert set(chosen["recording"]) == {"S1-R2"}
    (path,) = set(chosen["path"])
    with open_artifact(path, schema="detach.embeddings/2", rule="embed") as reader:
        features = reader.file["sensor"][chosen["row"].to_numpy()]
    assert features.shape == (36, 2)
    assert (features == 1.0).all()


def test_the_same_runs_give_the_same_bytes_and_types_do_not_depend_on_the_home(homes, tmp_path):
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        run(tmp_path / name, homes)
    (tmp_path / "z").mkdir()
    run(tmp_path / "z", homes[1:])
    for name in LISTS:
        files = [tmp_path / folder / f"{name}.parquet" for folder in "xyz"]
        assert files[0].read_bytes() == files[1].read_bytes()
        first, other = (pq.read_schema(path).remove_metadata() for path in files[::2])
        assert first == other


def test_a_table_without_methods_is_one_sentence(homes, tmp_path, capfd):
    with pytest.raises(SystemExit):
        run(tmp_path, homes, metrics_paths=[])
    assert "table1: found no rows of methods" in capfd.readouterr().err
    assert not list(tmp_path.glob("*.parquet"))


def test_simulated_and_real_runs_are_never_in_one_list(homes, tmp_path, capfd):
    write_metrics(tmp_path / "real.json", make_metrics(source="local"))
    with pytest.raises(SystemExit):
        run(tmp_path, homes, metrics_paths=[tmp_path / "real.json"])
    assert "found local, expected simulated" in capfd.readouterr().err


@pytest.mark.parametrize("stage", ["pretrain", "embed", "probe"])
def test_what_a_bare_machine_runs_imports_neither_pandas_nor_pyarrow(stage):
    code = f"import json, sys, detach_core.stages.{stage}; print(json.dumps(sorted(sys.modules)))"
    modules = json.loads(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    )
    assert not {"pandas", "pyarrow"} & set(modules)
