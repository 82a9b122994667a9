import json
from pathlib import Path

import pandas as pd
import pytest

from detach_core.contracts.embeddings import write_assignments, write_embeddings
from detach_core.contracts.metrics import write_metrics
from detach_core.contracts.split import write_split
from detach_core.contracts.windows import write_windows
from detach_core.stages.claims import claims
from tests.fixtures.evidence import Made

TESTS = Path(__file__).parents[1]
PARTS = [["opportunity", "default"]]
COMMON = {"datasets": ["opportunity"], "threshold": 0.0, "table": "table1"}
ACTIVATION = {"form": "centred", "activation_quantile": 0.99, "activation": "abs"}
CLAIMS = {
    "refinement_raises_purity": {**COMMON, "measure": "refinement_raises", "spatial": "default"},
    "clusters_recover_places": {
        **COMMON,
        "measure": "clusters_over_kmeans",
        "spatial": "default",
        "variant": "statistics",
        "figure": "hungarian",
    },
    "detach_exceeds": {**COMMON, "measure": "exceeds", "variant": "detach", "over": ["statistics"]},
}


def run(folder, *, statistics_source="simulated"):
    made = Made()
    windows = made.moving_windows(tells_places=True)
    write_windows(folder / "windows.h5", windows)
    write_split(folder / "split.json", made.split(windows))
    write_embeddings(folder / "embeddings.h5", made.embeddings(tells_places=False))
    write_assignments(folder / "assignments.h5", made.stage_one(confident_right=0.7))
    write_metrics(folder / "detach.json", made.make_metrics(variant="detach"))
    write_metrics(folder / "statistics.json", made.make_metrics(variant="statistics", source=statistics_source))
    found = [
        ["assignments", "opportunity", "default", "default", 0],
        ["embeddings", "opportunity", "default", "statistics", 0],
        ["metrics", "opportunity", "default", "detach", 0],
        ["metrics", "opportunity", "default", "statistics", 0],
    ]
    plain = {name: {"settings": one, "parts": PARTS, "activation": ACTIVATION} for name, one in CLAIMS.items()}
    names = ("kind", "dataset", "split", "name", "seed")
    keys = [dict(zip(names, key, strict=True)) for key in found]
    claims(
        settings=json.dumps({"claims": plain, "seeds": [0], "bootstrap": 200, "confidence": 0.95, "keys": keys}),
        artifact_paths=[
            folder / name for name in ("assignments.h5", "embeddings.h5", "detach.json", "statistics.json")
        ],
        windows_paths=[folder / "windows.h5"],
        split_paths=[folder / "split.json"],
        csv_path=folder / "claims.csv",
        log_path=folder / "log.txt",
    )
    return pd.read_csv(folder / "claims.csv")


def test_each_claim_has_a_verdict_that_its_interval_gives(tmp_path):
    frame = run(tmp_path)
    assert frame["claim"].tolist() == [
        "refinement_raises_purity",
        *["clusters_recover_places"] * 2,
        *["detach_exceeds"] * 2,
    ]
    assert frame["verdict"].tolist() == ["holds", "holds", "does not hold", "undecided", "undecided"]
    assert frame["compared"].tolist()[1:3] == ["k-means on statistics", "k-means on Stage 1's input"]
    # Both have the same answers here: a difference of nothing decides nothing.
    assert frame["value"][3] == 0.0
    assert frame["n_units"].tolist() == [24, 24, 24, 20, 20]
    exact = pd.read_parquet(tmp_path / "claims.parquet")
    rounded = frame.fillna({"protocol": "", "compared": "", "note": ""}).astype({"seeds": "str"})
    pd.testing.assert_frame_equal(exact, rounded, check_dtype=False, atol=1e-6, rtol=0)
    assert exact.attrs["schema"] == "detach.claims/1"
    assert "2 holds" in (tmp_path / "log.txt").read_text()
    assert "a claim of several lines where all of them do" in (tmp_path / "claims.md").read_text()


def test_the_same_evidence_gives_the_same_bytes(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    run(tmp_path / "a")
    run(tmp_path / "b")
    for name in ("claims.csv", "claims.md", "claims.tex", "claims.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_simulated_and_real_evidence_do_not_mix(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(tmp_path, statistics_source="local")
    assert "statistics.json" in capsys.readouterr().err
    assert not (tmp_path / "claims.csv").exists()
