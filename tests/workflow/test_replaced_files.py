"""What a raw file reruns that another has replaced, whatever its time stamp: what is made from it, and nothing else."""

import hashlib
import json
import os
import shutil
import subprocess
import time
from typing import Any

import pytest
import yaml

from detach_core.acquisition.local import HASHED_BYTES

pytestmark = pytest.mark.slow

LONG_AGO_S, A_WHILE_AGO_S = 1_500_000_000, 1_700_000_000
WINDOWS = "results/opportunity/windows.h5"
SIZES = {"small": 1000, "large": HASHED_BYTES + 1}
# One recording a shard.
FEW: dict[str, Any] = {"subjects": ["S1", "S2"], "takes": ["Drill"], "recordings_per_shard": 1}
SPLITS = {"splits": {"default": {"opportunity": {"held_out": ["S2-Drill"]}}}}
KINDS = {"sensor": "{}_sensors_data.txt", "video": "{}.mp4", "annotation": "{}_ml_both_arms.srt"}


def put(path, content, stamp_s):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (stamp_s, stamp_s))


@pytest.fixture(scope="module", params=SIZES)
def local(request, tmp_path_factory, copied):
    """A workflow that has run on a folder of ours, all of whose files have one size, and that size."""
    workflow = copied(tmp_path_factory.mktemp("replaced"))
    size = SIZES[request.param]
    for subject in FEW["subjects"]:
        for form in KINDS.values():
            put(workflow.folder / "mine" / form.format(f"{subject}-Drill"), bytes(size), A_WHILE_AGO_S)
    changes = {"datasets": {"opportunity": {"source": "local", "root": "mine", **FEW}}} | SPLITS
    (workflow.folder / "mine.yaml").write_text(yaml.safe_dump(changes))
    workflow.layers = ("config.yaml", "mine.yaml")
    workflow.run(WINDOWS, "--cores", "2", "--configfile", *workflow.layers)
    assert workflow.plan(WINDOWS) == []
    return workflow, size


def planned(kind):
    """The jobs of S1-Drill that read a file of that kind, and what is made from them."""
    rules = ["ingest", "extract_frames", "flow"] if kind == "video" else ["ingest"]
    return sorted([*(f"{rule} opportunity S1-Drill" for rule in rules), "pack opportunity"])


@pytest.fixture
def replaced(local):
    """A function that puts other content in the place of a file of S1-Drill; undone at the end."""
    workflow, size = local
    kept = []

    def replace(kind, content, stamp_s):
        path = workflow.folder / "mine" / KINDS[kind].format("S1-Drill")
        kept.append(path)
        put(path, content, stamp_s)
        return workflow.plan(WINDOWS)

    yield replace
    for path in kept:
        put(path, bytes(size), A_WHILE_AGO_S)
    assert workflow.plan(WINDOWS) == []


@pytest.mark.parametrize("kind", KINDS)
def test_another_file_with_an_older_stamp_reruns_what_is_made_from_it(replaced, local, kind):
    assert replaced(kind, b"1" * local[1], LONG_AGO_S) == planned(kind)


@pytest.mark.parametrize("stamp_s", [LONG_AGO_S, A_WHILE_AGO_S], ids=["older", "equal"])
def test_a_shorter_file_reruns_what_is_made_from_it(replaced, local, stamp_s):
    assert replaced("sensor", bytes(local[1] - 1), stamp_s) == planned("sensor")


def test_of_equal_size_and_stamp_only_a_small_file_is_told_from_another(replaced, local):
    expected = planned("sensor") if local[1] <= HASHED_BYTES else []
    assert replaced("sensor", b"1" * local[1], A_WHILE_AGO_S) == expected


def test_a_stamp_alone_reruns_the_readers_of_a_large_file_only(replaced, local):
    expected = planned("sensor") if local[1] > HASHED_BYTES else []
    assert replaced("sensor", bytes(local[1]), time.time()) == expected


def test_another_file_by_rsync_cp_and_unzip_is_noticed(replaced, local, tmp_path):
    """`cp -p` keeps the stamp; what it puts in place is as old as what it comes from."""
    workflow, size = local
    put(tmp_path / "other", b"1" * size, LONG_AGO_S)
    replaced("sensor", bytes(size), A_WHILE_AGO_S)
    target = workflow.folder / "mine" / KINDS["sensor"].format("S1-Drill")
    subprocess.run(["cp", "-p", tmp_path / "other", target], check=True)
    assert target.stat().st_mtime == LONG_AGO_S
    assert workflow.plan(WINDOWS) == planned("sensor")


def test_the_weights_of_a_video_network_are_noticed_too(tmp_path, copied):
    workflow = copied(tmp_path)
    put(tmp_path / "weights.pth", b"0" * 100, A_WHILE_AGO_S)
    rows = {"tables": {"table1": {"rows": ["detach", "imu2clip"], "datasets": ["opportunity"]}}}
    home = {"datasets": {"opportunity": FEW}} | SPLITS
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(rows | home | {"video": {"init": "weights.pth"}}))
    workflow.layers = ("config.yaml", "mine.yaml")
    spatial = "results/opportunity/default/spatial/default/seed0/checkpoint.safetensors"
    baseline = "results/opportunity/default/imu2clip/seed0/checkpoint.safetensors"
    workflow.run(spatial, baseline, "--cores", "2", "--configfile", *workflow.layers)
    assert workflow.plan(spatial, baseline) == []
    put(tmp_path / "weights.pth", b"1" * 100, LONG_AGO_S)
    assert workflow.plan(spatial, baseline) == ["pretrain opportunity imu2clip", "pretrain_spatial opportunity"]


def fill_manifest(workflow, source):
    """Files of S1-Drill and S2-Drill as if simulated or downloaded, the manifest last."""
    root = workflow.folder / "data" / source / "opportunity"
    for subject in FEW["subjects"]:
        for form in KINDS.values():
            put(root / "sub" / form.format(f"{subject}-Drill"), bytes(2_000_000), A_WHILE_AGO_S)
    files = [
        {
            "path": path.relative_to(root).as_posix(),
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(root.rglob("*-Drill*"))
        if path.suffix != ".json"
    ]
    names = ("S1-Drill.json", "S2-Drill.json") if source == "simulated" else ("download.json",)
    time.sleep(0.05)
    for name in names:
        (root / name).write_text(json.dumps({"files": files}))
    return root / "sub"


@pytest.mark.parametrize("source", ["simulated", "downloaded"])
def test_files_that_came_with_a_manifest_are_held_against_it(tmp_path, copied, source):
    workflow = copied(tmp_path)
    files = [{"url": "http://127.0.0.1:9/a.zip", "path": "sub", "sha256": None, "unpack": True}]
    chosen = {"source": "download", "download": {"files": files}} if source == "downloaded" else {}
    changes = {"datasets": {"opportunity": {**FEW, **chosen}}} | SPLITS
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(changes))
    workflow.layers = ("config.yaml", "mine.yaml")
    # Before any file has come, and after.
    workflow.run(WINDOWS, "--cores", "2", "--configfile", *workflow.layers)
    sub = fill_manifest(workflow, source)
    workflow.run(WINDOWS, "--cores", "2", "--configfile", *workflow.layers)
    assert workflow.plan(WINDOWS) == []
    # Touched, or copied with the whole folder: read once, and known as what it was.
    for path in sub.iterdir():
        os.utime(path)
    assert workflow.plan(WINDOWS) == []
    # Replaced by other content of equal size and equal stamp.
    kept = tmp_path / "kept"
    video = sub / KINDS["video"].format("S1-Drill")
    shutil.copy2(video, kept)
    put(video, b"1" * 2_000_000, video.stat().st_mtime)
    assert workflow.plan(WINDOWS) == planned("video")
    shutil.copy2(kept, video)
    assert workflow.plan(WINDOWS) == []
