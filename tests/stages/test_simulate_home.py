from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path

import pytest
import yaml

from detach_core.contracts.raw_files import read_raw_manifest
from detach_core.stages.simulate_home import simulate_home


@pytest.fixture
def sections():
    datasets = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8"))["datasets"]
    found = {
        name: {key: copy.deepcopy(datasets[name][key]) for key in ("home", "native", "classes")} for name in datasets
    }
    for section in found.values():
        section["home"]["video"]["image_px"] = [64, 48]
    found["opportunity"]["home"]["takes"] = {"Drill": {"script": "adl", "length_s": 20, "rounds": 1}}
    return found


@pytest.mark.parametrize(
    ("dataset", "recordings", "suffixes"),
    [
        ("opportunity", ["S1-Drill"], {".txt", ".mp4", ".h5", ".srt"}),
        ("hwu_usp", ["tea_s01", "tea_s02"], {".csv", ".mp4", ".h5"}),
    ],
)
def test_a_shard_becomes_native_files_and_a_manifest_that_describes_them(
    sections, dataset, recordings, suffixes, tmp_path
):
    root, manifest_path = tmp_path / "raw", tmp_path / "raw" / "shard0.json"
    simulate_home(
        dataset=dataset,
        settings=json.dumps(sections[dataset]),
        shard="shard0",
        recordings=recordings,
        root_path=root,
        manifest_path=manifest_path,
        log_path=tmp_path / "log.txt",
    )
    manifest = read_raw_manifest(manifest_path)
    assert manifest.recordings == tuple(recordings)
    assert manifest.provenance.source == "simulated"
    assert {Path(file.path).suffix for file in manifest.files} == suffixes
    for file in manifest.files:
        content = (root / file.path).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.bytes, file.sha256)
    assert all(name in (tmp_path / "log.txt").read_text() for name in recordings)
    assert (root / "label_legend.txt").is_file() == (dataset == "opportunity")
