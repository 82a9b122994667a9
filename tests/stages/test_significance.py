import json

import pandas as pd
import pytest

from detach_core.contracts.metrics import write_metrics
from detach_core.stages.significance import significance
from tests.fixtures.artifacts import make_metrics

ROWS = ("statistics", "detach", "comodo")


def key(split, row, seed):
    return {"kind": "metrics", "dataset": "opportunity", "split": split, "name": row, "seed": seed}


def run(folder, *, seeds=(0, 1), splits=("default", "fold1"), runs=None, references=("detach",)):
    runs = runs or [(split, row, seed) for split in splits for row in ROWS for seed in seeds]
    keys, paths = [], []
    for number, (split, row, seed) in enumerate(runs):
        # Another method errs elsewhere, as another seed does.
        made = make_metrics(variant=row, split=split, seed=seed + 10 * ROWS.index(row))
        paths.append(folder / f"{number}.json")
        write_metrics(paths[-1], made)
        keys.append(key(split, row, seed + 10 * ROWS.index(row)))
    parts = [["opportunity", split] for split in splits]
    tables = {"table1": {"rows": ROWS, "parts": parts}, "table2": {"rows": ROWS[:2], "parts": parts[:1]}}
    settings = {"references": references, "swaps": 10_000, "tables": tables, "confidence": 0.95, "keys": keys}
    significance(
        settings=json.dumps(settings),
        metrics_paths=paths,
        csv_path=folder / "significance.csv",
        log_path=folder / "log.txt",
    )
    return pd.read_csv(folder / "significance.csv")


def test_every_row_but_the_reference_under_every_protocol(tmp_path):
    frame = run(tmp_path)
    found = list(zip(frame["table"], frame["protocol"], frame["variant"], strict=True))
    assert found == [
        ("table1", "paper", "statistics"),
        ("table1", "paper", "comodo"),
        ("table1", "by_recording", "statistics"),
        ("table1", "by_recording", "comodo"),
        ("table2", "paper", "statistics"),
        ("table2", "by_recording", "statistics"),
    ]
    assert (frame["reference"] == "detach").all()
    assert frame["n_splits"].tolist() == [2, 2, 2, 2, 1, 1]
    assert (frame["n_seeds"] == 2).all()
    assert (frame["low"] <= frame["f1_difference"]).all()
    assert (frame["f1_difference"] <= frame["high"]).all()
    exact = pd.read_parquet(tmp_path / "significance.parquet")
    pd.testing.assert_frame_equal(exact, frame, check_dtype=False, atol=1e-6, rtol=0)
    assert exact.attrs["schema"] == "detach.significance/2"
    assert exact.attrs["splits"] == ["default", "fold1"]


def test_a_family_is_the_rows_of_a_table_under_a_protocol(tmp_path):
    frame = run(tmp_path)
    assert frame["family"].tolist() == [2, 2, 2, 2, 1, 1]
    assert (frame["p_holm"] >= frame["p"]).all()
    assert frame["p_holm"][4] == frame["p"][4]


def test_each_reference_is_compared_in_the_tables_that_have_it(tmp_path):
    frame = run(tmp_path, references=("detach", "comodo"), splits=("default",))
    found = list(zip(frame["table"], frame["reference"], frame["protocol"], frame["variant"], strict=True))
    assert found == [
        *(("table1", "detach", name, row) for name in ("paper", "by_recording") for row in ("statistics", "comodo")),
        *(("table1", "comodo", name, row) for name in ("paper", "by_recording") for row in ("statistics", "detach")),
        *(("table2", "detach", name, "statistics") for name in ("paper", "by_recording")),
    ]
    assert frame["family"].tolist() == [2] * 8 + [1] * 2
    lines = frame[frame["table"] == "table1"].set_index(["reference", "protocol", "variant"])["f1_difference"]
    for protocol in ("paper", "by_recording"):
        one, other = lines["detach", protocol, "comodo"], lines["comodo", protocol, "detach"]
        assert one == pytest.approx(-other)
        assert one != 0.0
    text = (tmp_path / "significance.md").read_text()
    for words in ("Differences from detach and comodo", "F1 of detach or comodo minus", "| Reference |"):
        assert words in text


def test_readable_forms_stand_beside_it_and_say_what_was_done(tmp_path):
    run(tmp_path)
    text = (tmp_path / "significance.md").read_text()
    for words in ("detach minus that of each row", "simulated data", "splits: default, fold1", "Holm"):
        assert words in text
    assert (tmp_path / "significance.html").is_file()


def test_metrics_of_another_run_are_refused(tmp_path, capsys):
    run(tmp_path)
    made = make_metrics(variant="statistics", split="fold1", seed=5)
    write_metrics(tmp_path / "0.json", made)
    settings = {
        "references": ["detach"],
        "swaps": 10_000,
        "tables": {},
        "confidence": 0.95,
        "keys": [key("default", "statistics", 0)],
    }
    with pytest.raises(SystemExit):
        significance(
            settings=json.dumps(settings),
            metrics_paths=[tmp_path / "0.json"],
            csv_path=tmp_path / "other.csv",
            log_path=tmp_path / "log.txt",
        )
    assert "fold1" in capsys.readouterr().err
    assert not (tmp_path / "other.csv").exists()
