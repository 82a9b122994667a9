import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import detach_core
from detach_core.commands.forget_video import find_video, forget
from detach_core.commands.main import program
from detach_core.contracts.checkpoint import Checkpoint, write_checkpoint
from detach_core.contracts.provenance import make_provenance
from detach_core.contracts.raw_files import describe_files, write_raw_manifest
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import read_windows
from detach_core.foundation.errors import UserError
from detach_core.methods.registry import build_method
from detach_core.reports.timeline.page import has_pictures, pictures
from detach_core.settings.base import to_plain
from detach_core.training.batches import input_shape
from detach_core.training.session import normalisation_as_dict

RUN = "results/toy/default/primus/seed0"
PROVENANCE = make_provenance(stage="test", source="simulated", settings={})


def write_run(toy, home, path):
    """A checkpoint of a method that saw the video, untrained."""
    windows, split = read_windows(home / "windows.h5"), read_split(home / "split.json")
    settings = toy.SETTINGS["primus"]
    method = build_method("primus", settings=settings, shape=input_shape(windows))
    inputs = {"windows": windows.provenance.artifact_id, "split": split.provenance.artifact_id}
    checkpoint = Checkpoint(
        method="primus",
        settings=to_plain(settings),
        shape=method.shape.as_dict(),
        normalisation=normalisation_as_dict(split.normalisation),
        dataset=windows.dataset,
        class_names=list(windows.class_names),
        class_places=list(windows.class_places),
        class_actions=list(windows.class_actions),
        channel_names=list(windows.channel_names),
        window_s=windows.window_s,
        max_nan_share=windows.max_nan_share,
        flow_method=windows.flow_method,
        flow_max_px=windows.flow_max_px,
        epoch=1,
        facts={},
        tensors=method.state_dict(),
        provenance=make_provenance(stage="pretrain", source="simulated", settings={}, seed=0, inputs=inputs),
    )
    write_checkpoint(path, checkpoint)


@pytest.fixture
def folder(toy, home, tmp_path):
    """A working folder with everything that holds pictures, and some that does not."""
    work = tmp_path / "work"
    results, raw = work / "results" / "toy", work / "data" / "simulated" / "toy"
    shard = results / "shards" / "a"
    shard.mkdir(parents=True)
    for name in ("frames.h5", "flow.h5"):
        shutil.copy(home / name, shard / name)
    # The toy's streams lie beside its windows.
    for name in ("windows.h5", "split.json"):
        shutil.copy(home / name, results / name)
    (shard / ".frames.77.partial.h5").write_bytes(b"x")
    raw.mkdir(parents=True)
    for name in ("S0.mp4", "S0.csv"):
        (raw / name).write_bytes(b"raw")
    files = describe_files(raw, [raw / "S0.mp4", raw / "S0.csv"])
    write_raw_manifest(raw / "a.json", recordings=["S0"], files=files, provenance=PROVENANCE)
    run = work / RUN
    run.mkdir(parents=True)
    write_run(toy, home, run / "checkpoint.safetensors")
    (run / "activation_maps.h5").write_bytes(b"maps")
    page = work / "results" / "inference" / "toy" / "S0" / "timeline.html"
    page.parent.mkdir(parents=True)
    page.write_text(f"<p>words</p>{pictures('abc')}")
    figures = work / "results" / "figures"
    figures.mkdir()
    for name, header in (("figure8", "row,map,y_px,x_px"), ("figure4", "epoch,value")):
        (figures / f"{name}.csv").write_text(f"{header}\n1,2\n")
        for suffix in ("png", "pdf"):
            (figures / f"{name}.{suffix}").write_bytes(b"x")
    (work / "results" / "report.html").write_text("x")
    return work


def left_in(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def invoke(folder, *arguments, answer=None):
    return CliRunner().invoke(program(), ["forget-video", "--folder", str(folder), *arguments], input=answer)


GONE = {
    "data/simulated/toy/S0.mp4",
    "results/toy/shards/a/frames.h5",
    "results/toy/shards/a/flow.h5",
    "results/toy/shards/a/.frames.77.partial.h5",
    f"{RUN}/activation_maps.h5",
    "results/figures/figure8.png",
    "results/figures/figure8.pdf",
    "results/report.html",
}


def test_every_picture_goes_and_nothing_else(folder):
    before = left_in(folder)
    sensor = read_windows(folder / "results/toy/windows.h5").sensor
    done = invoke(folder, "--yes")
    assert done.exit_code == 0, done.output
    assert before - left_in(folder) == GONE
    windows = read_windows(folder / "results/toy/windows.h5")
    assert not np.asarray(windows.mean_frame).any()
    assert np.array_equal(windows.sensor, sensor)
    page = (folder / "results/inference/toy/S0/timeline.html").read_text()
    assert "words" in page
    assert not has_pictures(page)


def test_no_byte_of_a_mean_frame_is_left_in_the_file(folder):
    path = folder / "results/toy/windows.h5"
    frame = read_windows(path).mean_frame[0].tobytes()
    assert frame in path.read_bytes()
    forget(find_video(folder))
    assert frame not in path.read_bytes()


def test_what_is_left_is_named(folder):
    (folder / "results/toy/holiday.jpg").write_bytes(b"x")
    (folder / "data/mine.mp4").write_bytes(b"x")
    done = invoke(folder, "--yes").output
    assert "weights, among them those of the networks that saw the video: 1 files" in done
    assert "a video or picture that this workflow did not make" in done
    assert "results/toy/holiday.jpg" in done
    assert "data/mine.mp4" in done
    assert (folder / "data/mine.mp4").exists()


def test_every_file_is_named_on_request(folder):
    done = invoke(folder, "--list", "--yes").output
    assert [name for name in GONE if name not in done] == []


def test_recognition_works_as_before(folder, toy):
    sensor = np.random.default_rng(0).normal(size=(180, 8))
    names = [f"channel {k}" for k in range(8)]

    def embedded():
        return detach_core.load(folder / RUN).embed(sensor, rate_hz=toy.SENSOR_HZ, channel_names=names).whole

    before = embedded()
    forget(find_video(folder))
    assert np.array_equal(embedded(), before)


def test_times_of_what_stays_do_not_change_so_that_nothing_is_made_anew(folder):
    paths = [folder / "results/toy/windows.h5", folder / "results/inference/toy/S0/timeline.html"]
    before = [path.stat().st_mtime_ns for path in paths]
    forget(find_video(folder))
    assert [path.stat().st_mtime_ns for path in paths] == before


def test_a_second_run_deletes_nothing_and_still_says_what_is_left(folder):
    invoke(folder, "--yes")
    before = left_in(folder)
    done = invoke(folder)  # without a question
    assert done.exit_code == 0
    assert "holds no picture that the workflow made" in done.output
    assert "weights" in done.output
    assert left_in(folder) == before


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_nothing_is_deleted_without_a_yes(folder, answer):
    before = left_in(folder)
    done = invoke(folder, answer=answer)
    assert done.exit_code == 1
    assert "small frames: 1 files" in done.output
    assert left_in(folder) == before
    assert np.asarray(read_windows(folder / "results/toy/windows.h5").mean_frame).any()


def test_a_yes_deletes(folder):
    assert invoke(folder, answer="y\n").exit_code == 0
    assert not (folder / "results/toy/shards/a/frames.h5").exists()


@pytest.mark.parametrize("name", ["results", "data"])
def test_a_folder_that_is_a_link_is_refused(folder, tmp_path, name):
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=f"{name}: found a link to .*elsewhere"):
        find_video(folder)


def test_links_that_lead_outside_are_named_and_not_followed(folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "frames.h5").write_bytes(b"mine")
    (folder / "results/toy/shards/b").symlink_to(outside)
    flow = folder / "results/toy/shards/a/flow.h5"
    flow.unlink()
    flow.symlink_to(outside / "frames.h5")
    done = invoke(folder, "--yes")
    assert done.exit_code == 0
    assert (outside / "frames.h5").read_bytes() == b"mine"
    assert flow.is_symlink()
    assert done.output.count("which is not followed") == 2


def test_a_hard_link_is_named(folder, tmp_path):
    (tmp_path / "kept.h5").hardlink_to(folder / "results/toy/shards/a/frames.h5")
    assert "hard link" in invoke(folder, "--yes").output
    assert (tmp_path / "kept.h5").exists()


def test_a_manifest_of_a_stranger_deletes_nothing_outside(folder, tmp_path):
    (tmp_path / "other.mp4").write_bytes(b"x")
    path = folder / "data/simulated/toy/a.json"
    document = json.loads(path.read_text())
    document["files"][1]["path"] = "../../../../other.mp4"
    path.write_text(json.dumps(document))
    found = find_video(folder)
    assert folder / "data/simulated/toy/S0.mp4" not in found.deleted
    assert "no manifest" in found.left[path]
    assert (tmp_path / "other.mp4").exists()


def test_a_users_own_root_below_data_stays(folder):
    own = folder / "data" / "my_home" / "camera" / "S0.mp4"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    forget(find_video(folder))
    assert own.read_bytes() == b"mine"


def test_windows_that_cannot_be_read_are_named(folder):
    path = folder / "results/toy/windows.h5"
    with h5py.File(path, "r+") as file:
        file.attrs["schema"] = "detach.windows/1"
    assert "delete it yourself" in find_video(folder).left[path]


def test_a_folder_of_another_kind_and_a_running_workflow_are_refused(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="found neither results/ nor data/"):
        find_video(tmp_path / "empty")
    locks = folder / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").touch()
    with pytest.raises(UserError, match="lock of a workflow"):
        find_video(folder)


def test_a_file_that_became_a_link_after_the_list_is_left(folder, tmp_path):
    found = find_video(folder)
    path = folder / "results/toy/shards/a/frames.h5"
    path.rename(tmp_path / "frames.h5")
    path.symlink_to(tmp_path / "frames.h5")
    with pytest.raises(UserError, match="another file than when it was listed"):
        forget(found)
    assert Path(tmp_path / "frames.h5").exists()
