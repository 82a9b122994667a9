import json

import pandas as pd
import pyarrow.parquet as pq
import pytest

from detach_core.contracts.metrics import write_metrics
from detach_core.contracts.windows import write_windows
from detach_core.stages.split import split
from detach_core.stages.table import table
from tests.fixtures.artifacts import make_metrics, make_windows

TABLE1 = {"rows": ["detach", "statistics"], "datasets": ["opportunity", "hwu_usp"], "splits": ["default"]}


def run(folder, runs=(), name="table1", settings=None, windows_paths=(), split_paths=()):
    paths = []
    for number, changes in enumerate(runs):
        paths.append(folder / f"{number}.json")
        write_metrics(paths[-1], make_metrics(**changes))
    table(
        name=name,
        settings=json.dumps({"table": settings or TABLE1, "seeds": [0]}),
        metrics_paths=paths,
        windows_paths=windows_paths,
        split_paths=split_paths,
        csv_path=folder / f"{name}.csv",
        log_path=folder / "table.log",
    )
    return pd.read_csv(folder / f"{name}.csv")


def test_rows_stand_in_the_order_of_the_config_whatever_the_order_of_the_files(tmp_path):
    runs = [
        {"dataset": dataset, "variant": variant, "method": variant, "seed": seed}
        for seed in (1, 0)
        for dataset in ("hwu_usp", "opportunity")
        for variant in ("statistics", "detach")
    ]
    frame = run(tmp_path, runs)
    found = list(zip(frame["dataset"], frame["variant"], frame["protocol"], strict=True))
    assert found[:3] == [
        ("opportunity", "detach", "paper"),
        ("opportunity", "detach", "by_recording"),
        ("opportunity", "statistics", "paper"),
    ]
    assert len(found) == 8
    assert (frame["n_seeds"] == 2).all()
    assert frame["f1_weighted_sd"].notna().all()


def test_the_log_ends_with_where_the_table_is(tmp_path):
    run(tmp_path, [{}])
    assert str(tmp_path / "table1.csv") in (tmp_path / "table.log").read_text().splitlines()[-1]
    assert "simulated data" in (tmp_path / "table1.md").read_text()
    assert r"\toprule" in (tmp_path / "table1.tex").read_text()


def test_the_caption_says_what_the_table_shows_and_how_its_figures_came_about(tmp_path):
    run(tmp_path, [{}])
    for kind in ("md", "tex", "html"):
        text = (tmp_path / f"table1.{kind}").read_text()
        for words in (
            "Table 1. DETACH, baselines and controls",
            "input form, augmentation, batch and momentum",
            "In the paper DETACH leads",
            "seeds: 0",
            "commit: ",
        ):
            assert words in text, (kind, words)


def test_the_same_metrics_give_the_same_bytes(tmp_path):
    run(tmp_path, [{"seed": 0}, {"seed": 1}])
    kinds = ("csv", "md", "tex", "html", "parquet")
    before = [(tmp_path / f"table1.{kind}").read_bytes() for kind in kinds]
    run(tmp_path, [{"seed": 0}, {"seed": 1}])
    assert before == [(tmp_path / f"table1.{kind}").read_bytes() for kind in kinds]


@pytest.mark.parametrize("source", ["simulated", "local"])
def test_the_parquet_file_is_the_csv_file_with_types_every_digit_and_provenance(tmp_path, source):
    rounded = run(tmp_path, [{"seed": 0, "source": source}, {"seed": 1, "source": source}])
    exact = pd.read_parquet(tmp_path / "table1.parquet")
    assert exact.attrs["schema"] == "detach.results_table/2"
    assert {name: exact.attrs[name] for name in ("source", "splits", "protocols", "seeds")} == {
        "source": source,
        "splits": ["default"],
        "protocols": ["paper", "by_recording"],
        "seeds": ["0", "1"],
    }
    assert exact.attrs["commits"] == rounded["commit"].iloc[0].split()
    # Gaps to the paper have columns in both cases, and values for real recordings alone.
    assert exact["gap_map"].isna().all() == (source == "simulated")
    assert str(exact["paper_map_inside"].dtype) == "boolean"
    columns = [
        name for name in rounded if not name.startswith(("absent", "seeds", "paper_f1_weighted_in", "paper_map_in"))
    ]
    rounded["collapse"] = rounded["collapse"].astype(object).fillna("")
    pd.testing.assert_frame_equal(exact[columns], rounded[columns], atol=1e-6, rtol=0, check_dtype=False)


@pytest.mark.parametrize("runs", [[{}], [{"variant": "statistics", "method": "statistics"}], [{"source": "local"}]])
def test_the_types_of_the_parquet_columns_do_not_depend_on_the_values(tmp_path, runs):
    run(tmp_path, runs)
    found = pq.read_schema(tmp_path / "table1.parquet")
    assert {str(field.type) for field in found if field.name.startswith(("n_", "searched", "fold"))} == {"int64"}
    for name in ("f1_weighted", "f1_weighted_sd", "paper_map", "gap_map"):
        assert str(found.field(name).type) == "double"
    assert str(found.field("paper_map_inside").type) == "bool"
    assert str(found.field("absent_classes").type) == "string"


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([{}, {"dataset": "hwu_usp", "source": "downloaded"}], "source: found downloaded, expected simulated"),
        ([{"variant": "primus"}], "found primus on opportunity, expected a row of table1"),
        ([], "there is no metrics.json"),
    ],
)
def test_what_cannot_make_one_table_is_refused_and_nothing_is_written(tmp_path, capfd, runs, words):
    with pytest.raises(SystemExit):
        run(tmp_path, runs)
    assert words in capfd.readouterr().err
    assert not list(tmp_path.glob("table1.*"))


def prepare(folder, windows, held_out, hold_out):
    folder.mkdir()
    write_windows(folder / "windows.h5", windows)
    settings = {"name": "default", "seed": 0, "pretrain": 0.5, "activation_quantile": 0.99, "folds": 3, "fold_draws": 1}
    split(
        settings=json.dumps(settings | {"hold_out": hold_out, "held_out": held_out}),
        windows_path=folder / "windows.h5",
        split_path=folder / "split.json",
        log_path=folder / "split.log",
    )
    return folder / "windows.h5", folder / "split.json"


def test_table_7_is_computed_from_the_prepared_data(tmp_path):
    homes = [
        prepare(tmp_path / "a", make_windows(), ["S1-R2"], "recordings"),
        prepare(tmp_path / "b", make_windows("recording", num_recordings=24, num_subjects=4), ["S4"], "subjects"),
    ]
    windows_paths, split_paths = zip(*homes, strict=True)
    settings = {"datasets": ["opportunity", "hwu_usp"], "split": "default"}
    frame = run(tmp_path, (), "table7", settings, windows_paths, split_paths)
    lines = frame.set_index(["dataset", "attribute"])
    assert lines.loc[("opportunity", "windows"), "value"] == "144"
    assert lines.loc[("hwu_usp", "windows"), "paper"] == "3485"
    assert (tmp_path / "table7.tex").exists()
    exact = pd.read_parquet(tmp_path / "table7.parquet")
    assert exact["value"].tolist() == frame["value"].tolist()
    assert (exact.attrs["schema"], exact.attrs["seeds"]) == ("detach.data_table/1", [])
