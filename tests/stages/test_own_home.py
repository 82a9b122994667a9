"""A home of one's own from its files to a split, and to what can be trained on it."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from detach_core.config.load import load_config
from detach_core.config.variants import merge
from detach_core.config.yaml_file import read_default
from detach_core.contracts.embeddings import read_assignments
from detach_core.contracts.frames import read_frames
from detach_core.contracts.metrics import read_metrics
from detach_core.contracts.split import read_split
from detach_core.contracts.windows import read_windows
from detach_core.stages.embed import embed
from detach_core.stages.extract_frames import extract_frames
from detach_core.stages.flow import flow
from detach_core.stages.ingest import ingest
from detach_core.stages.pack import pack
from detach_core.stages.pretrain import pretrain
from detach_core.stages.pretrain_spatial import pretrain_spatial
from detach_core.stages.probe import probe
from detach_core.stages.split import split
from detach_core.stages.table import table
from tests.fixtures.own_home import START, OwnHome, local

ROOT = Path(__file__).resolve().parents[2]
SMALL = {
    "device": "cpu",
    "encoders": {"dim": 16},
    "spatial": {
        "default": {
            "clusters": 3,
            "warmup_epochs": 1,
            "joint_epochs": 1,
            "refinement_epochs": 1,
            "min_refinement_epochs": 1,
            "batch_size": 16,
        }
    },
    "methods": {"supervised": {"epochs": 2, "batch_size": 16}},
    "probe": {"c": [1.0], "inner_folds": 2, "bootstrap": 20},
}
SENSORS_ALONE = ["random_encoder", "statistics", "supervised"]


class Chain:
    """The stages of a home's dataset, run one after the other in a folder."""

    def __init__(self, home, folder, *, rows, held_out=("day2",), **dataset):
        home.save()
        overlay = home.overlay(rows=list(rows), held_out=list(held_out), **dataset)
        if not home.home["classes"]:
            overlay["tables"] = {"table7": {"datasets": ["home"]}}
        self.config = load_config(merge(merge(read_default(checkout=ROOT), SMALL), overlay))
        self.home, self.out = home, folder
        self.paths = {name: folder / f"{name}.h5" for name in ("sensor", "frames", "flow", "windows")}
        self.split_path = folder / "split.json"

    def log(self, stage):
        return self.out / f"{stage}.log"

    def arguments(self, stage):
        settings = getattr(self.config, stage)("home")
        return {"settings": settings, "log_path": self.log(stage)}

    def ingest(self):
        recordings = {"recordings": self.config.recordings("home"), "root_path": self.home.root, "dataset": "home"}
        ingest(sensor_path=self.paths["sensor"], **recordings, **self.arguments("ingest"))

    def film(self):
        recordings = {"recordings": self.config.recordings("home"), "root_path": self.home.root, "dataset": "home"}
        extract_frames(frames_path=self.paths["frames"], **recordings, **self.arguments("extract_frames"))
        flow(frames_path=self.paths["frames"], flow_path=self.paths["flow"], **self.arguments("flow"))

    def pack(self):
        videos = [self.paths["frames"]], [self.paths["flow"]]
        frames, flows = videos if self.config.has_video("home") else ([], [])
        pack(
            dataset="home",
            sensor_paths=[self.paths["sensor"]],
            frames_paths=frames,
            flow_paths=flows,
            windows_path=self.paths["windows"],
            **self.arguments("pack"),
        )
        split(
            settings=self.config.split("home", "default"),
            windows_path=self.paths["windows"],
            split_path=self.split_path,
            log_path=self.log("split"),
        )
        return read_windows(self.paths["windows"]), read_split(self.split_path)

    def run(self):
        self.ingest()
        if self.config.has_video("home"):
            self.film()
        return self.pack()

    @property
    def data(self):
        return {"windows_path": self.paths["windows"], "split_path": self.split_path}

    def train(self, variant):
        folder = self.out / variant
        pretrain(
            settings=self.config.pretraining(variant, "home"),
            spatial_path=None,
            checkpoint_path=folder / "checkpoint.safetensors",
            history_path=folder / "history.jsonl",
            snapshots_path=folder / "snapshots.safetensors",
            seed=0,
            log_path=folder / "pretrain.log",
            **self.data,
        )
        return folder

    def probe(self, variant):
        folder = self.train(variant)
        embed(
            settings=self.config.embedding(variant),
            checkpoint_path=folder / "checkpoint.safetensors",
            embeddings_path=folder / "embeddings.h5",
            log_path=folder / "embed.log",
            **self.data,
        )
        probe(
            settings=self.config.probing(variant),
            embeddings_paths=[folder / "embeddings.h5"],
            metrics_path=folder / "metrics.json",
            classifier_path=folder / "classifier.safetensors",
            log_path=folder / "probe.log",
            **self.data,
        )
        return folder / "metrics.json"


@pytest.fixture
def home(tmp_path, one_thread):
    return OwnHome(tmp_path / "home")


@pytest.fixture
def two_days(home):
    home.add("day1")
    home.add("day2", after_s=600, seed=1)
    return home


def test_logs_labels_and_video_become_windows_and_a_split(two_days, tmp_path):
    windows, parts = Chain(two_days, tmp_path / "out", rows=["detach"]).run()
    assert (windows.num_windows, windows.source) == (158, "local")
    assert windows.class_places == ("kitchen", "hall")
    assert windows.class_actions == ("Cook", "Leave")
    assert (windows.location_source, windows.location_names) == ("label", ("kitchen", "hall"))
    # A window's label is that of its middle: they stay from second 2 to 10 in the kitchen, and 10 s later in the hall.
    first_day = windows.label[windows.recording == 0]
    assert first_day[:22].tolist() == [-1, *[0] * 8, -1, -1, *[1] * 8, -1, -1, 0]
    # The square of the picture is on the left in the kitchen and on the right in the hall.
    frame = windows.mean_frame.astype(float).mean(axis=3)
    bright = frame[:, 5:11, :12].mean(axis=(1, 2)) - frame[:, 5:11, 12:].mean(axis=(1, 2))
    kitchen, hall = (bright[windows.label == label] for label in (0, 1))
    assert kitchen.min() > hall.max() + 20
    assert set(parts.protocols) == {"paper", "by_recording"}


def cut(source, path, first_s, end_s):
    """The seconds [first_s, end_s) of a video as a file of its own, from 0 on and not compressed anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(source)) as whole, av.open(str(path), "w") as part:
        stream = whole.streams.video[0]
        written = part.add_stream_from_template(stream)
        shift = None
        for packet in whole.demux(stream):
            if packet.pts is None or not first_s <= packet.pts * stream.time_base < end_s:
                continue
            shift = packet.pts if shift is None else shift
            packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, written
            part.mux(packet)


def test_a_real_clip_in_three_segments_with_a_gap_shows_the_same_pictures(home, real_video, tmp_path):
    edges = [(0, 30), (30, 60), (90, 140)]
    for first_s, end_s in edges:
        minute, second = divmod(first_s, 60)
        cut(real_video, home.root / f"rec/2024-05-01/06/hall/{minute:02d}.{second:02d}.mp4", first_s, end_s)
    cut(real_video, home.root / "whole.mp4", 0, 1e9)
    home.write("log.csv", "time,sensor,value", [(START.timestamp() + s, "hall_motion", s % 2) for s in range(150)])
    whole = {"files": "whole.mp4", "start": START.timestamp()}
    home.home["recordings"]["day1"] = {"sensors": "log.csv", "video": {"hall": whole}}
    home.home["recordings"]["day2"] = {"sensors": "log.csv", "video": {"hall": "rec/*/*/hall/*.mp4"}}
    home.home["classes"] = {}
    chain = Chain(home, tmp_path / "out", rows=[])
    windows, _ = chain.run()
    one, segments = (read_frames(chain.paths["frames"]).streams[name] for name in ("day1", "day2"))
    assert (segments.num_frames, segments.timing.pictures, segments.timing.gaps) == (one.num_frames, 1394 - 300, 1)
    filmed = np.ones(one.num_frames, dtype=bool)
    filmed[60 * 5 : 90 * 5] = False
    np.testing.assert_array_equal(segments.rgb[filmed], one.rgb[filmed])
    np.testing.assert_allclose(segments.picture_s[filmed], one.picture_s[filmed], atol=1e-6)
    starts = windows.start_s[windows.recording == 1]
    # Up to a second from its tick, a picture stands for it.
    assert starts.tolist() == [*range(60), *range(89, 138)]


def test_two_files_for_one_minute_are_refused_by_both_names(home, tmp_path):
    home.add("day1", video=False)
    home.add("day2", after_s=600, seed=1)
    for first_s in (0, 10):
        home.film(f"cam_20240501_0800{first_s:02d}.mp4", seconds=20, first_s=first_s)
    home.home["recordings"]["day1"]["video"] = "cam_*.mp4"
    chain = Chain(home, tmp_path / "out", rows=["detach"])
    with pytest.raises(SystemExit):
        chain.run()
    (line,) = [one for one in chain.log("extract_frames").read_text().splitlines() if " ERROR " in one]
    assert "cam_20240501_080010.mp4: start: found a start 9.9 s before the end of" in line
    assert "cam_20240501_080000.mp4, expected one file a moment" in line


def test_windows_before_a_camera_starts_are_left_out_and_counted(home, tmp_path):
    home.add("day1", video=False, seconds=80)
    home.film("day1/late.mp4", seconds=50, first_s=30)
    home.home["recordings"]["day1"]["video"] = {"files": "day1/late.mp4", "start": local(30)}
    home.add("day2", after_s=600, seed=1)
    chain = Chain(home, tmp_path / "out", rows=["detach"])
    windows, _ = chain.run()
    day1 = windows.recording == 0
    assert windows.start_s[day1].tolist() == list(range(49))
    # The video's second 2 is second 32 of the day, when someone has come to the hall.
    assert windows.label[day1][:22].tolist() == [-1, *[1] * 8, -1, -1, *[0] * 8, -1, -1, 1]
    assert (
        "day1: 30 windows of the sensors are left out, as the video has no picture there"
        in chain.log("pack").read_text()
    )


@pytest.mark.slow
def test_a_camera_that_starts_a_day_later_leaves_its_own_windows(home, tmp_path):
    home.add("day1", video=False, seconds=80)
    home.write("day1/more.csv", "time,sensor,value", [(START.timestamp() + 86_400 + 80, "hall_sound", 40)])
    home.home["recordings"]["day1"]["sensors"] = ["day1/events.csv", "day1/floor.csv", "day1/more.csv"]
    home.film("day1/late.mp4", seconds=20)
    home.home["recordings"]["day1"]["video"] = {"files": "day1/late.mp4", "start": START.timestamp() + 86_400}
    home.write("day1/labels.csv", "start_s,end_s,label", [(0, 10, "cook"), (10, 20, "leave")])
    home.add("day2", after_s=600, seed=1)
    chain = Chain(home, tmp_path / "out", rows=["detach"])
    windows, _ = chain.run()
    assert windows.start_s[windows.recording == 0].tolist() == list(range(19))
    assert f"day1: {86_400 + 60} windows of the sensors are left out" in chain.log("pack").read_text()


@pytest.fixture
def unfilmed(home):
    home.add("day1", video=False)
    home.add("day2", after_s=600, seed=1, video=False)
    return home


def test_channels_that_drift_do_not_count_in_the_activation(unfilmed, tmp_path):
    windows, parts = Chain(unfilmed, tmp_path / "out", rows=SENSORS_ALONE).run()
    quiet = windows.channel_names.index("temperature")
    std = parts.normalisation.activation["centred"].std
    assert std[quiet] == 0
    assert (np.delete(std, quiet) > 0).all()
    unfilmed.home["channels"]["temperature"]["activation"] = True
    unfilmed.home["channels"]["floor_x"]["activation"] = False
    _, parts = Chain(unfilmed, tmp_path / "other", rows=SENSORS_ALONE).run()
    assert parts.normalisation.activation["centred"].std[windows.channel_names.index("floor_x")] == 0
    for name in unfilmed.home["channels"]:
        unfilmed.home["channels"][name]["activation"] = False
    with pytest.raises(SystemExit):
        Chain(unfilmed, tmp_path / "none", rows=SENSORS_ALONE).run()
    assert "no channel counts in the activation" in (tmp_path / "none" / "split.log").read_text()


def test_segments_with_a_gap_show_what_one_file_shows_except_in_the_gap(home, tmp_path):
    home.add("day1")
    home.add("day2", after_s=600, seed=1)
    whole, _ = Chain(home, tmp_path / "whole", rows=SENSORS_ALONE).run()
    starts = {0: 20, 20: 20, 50: 30}  # nothing from second 40 to 50
    for first_s, seconds in starts.items():
        name = f"recordings/2024-05-01/06/kitchen/{first_s // 60:02d}.{first_s % 60:02d}.mp4"
        home.film(name, seconds=seconds, first_s=first_s)
    home.home["recordings"]["day1"]["video"] = {"kitchen": "recordings/*/*/kitchen/*.mp4"}
    home.home["recordings"]["day2"]["video"] = {"kitchen": home.home["recordings"]["day2"]["video"]}
    chain = Chain(home, tmp_path / "segments", rows=SENSORS_ALONE)
    cut, _ = chain.run()
    frames = read_frames(chain.paths["frames"]).streams["day1"]
    assert (frames.num_frames, frames.timing.gaps) == (400, 1)
    assert frames.timing.longest_gap_s == pytest.approx(10.1)
    day1 = cut.start_s[cut.recording == 0]
    # Pictures up to a second (`video.length_tolerance_s`) from a tick stand for it.
    assert day1.tolist() == [*range(40), *range(49, 79)][: len(day1)]
    both = np.isin(whole.start_s[whole.recording == 0], day1)
    same = whole.mean_frame[whole.recording == 0][both].astype(int) - cut.mean_frame[cut.recording == 0]
    assert np.abs(same).mean() < 2  # each file is compressed for itself
    assert "9 windows of the sensors are left out" in chain.log("pack").read_text()
    assert "1 gaps between pictures" in chain.log("extract_frames").read_text()


@pytest.mark.slow
def test_sensors_alone_are_packed_trained_and_tabled(unfilmed, tmp_path):
    chain = Chain(unfilmed, tmp_path / "out", rows=SENSORS_ALONE)
    windows, _ = chain.run()
    assert (windows.num_windows, windows.has_video, windows.streams) == (158, False, ())
    assert windows.mean_frame.shape == (158, 0, 0, 3)
    assert not chain.paths["frames"].exists()
    paths = [chain.probe(variant) for variant in SENSORS_ALONE]
    found = [read_metrics(path).protocols["by_recording"].f1_weighted for path in paths]
    assert min(found[:2]) > 0.6, found
    table(
        name="table1",
        settings=chain.config.table("table1"),
        metrics_paths=paths,
        windows_paths=[],
        split_paths=[],
        csv_path=tmp_path / "table1.csv",
        log_path=tmp_path / "table.log",
    )
    assert len((tmp_path / "table1.csv").read_text().splitlines()) == 7


def test_a_table_of_the_data_needs_neither_video_nor_labels(unfilmed, tmp_path):
    unfilmed.home["classes"] = {}
    for one in unfilmed.home["recordings"].values():
        del one["labels"]
    chain = Chain(unfilmed, tmp_path / "out", rows=[])
    windows, parts = chain.run()
    assert (windows.label.max(), windows.instance.max(), dict(parts.protocols)) == (-1, -1, {})
    assert windows.location_source == "active switch"
    assert "have no labels: there is nothing to probe" in chain.log("split").read_text()
    table(
        name="table7",
        settings=chain.config.table("table7"),
        metrics_paths=[],
        windows_paths=[chain.paths["windows"]],
        split_paths=[chain.split_path],
        csv_path=tmp_path / "table7.csv",
        log_path=tmp_path / "table.log",
    )
    assert "logic motion sensor" in (tmp_path / "table7.csv").read_text()


def test_without_video_a_method_that_needs_it_is_refused_in_a_sentence(unfilmed, tmp_path):
    chain = Chain(unfilmed, tmp_path / "out", rows=SENSORS_ALONE)
    chain.run()
    with pytest.raises(SystemExit):
        chain.train("imu2clip")
    (line,) = [one for one in (tmp_path / "out/imu2clip/pretrain.log").read_text().splitlines() if " ERROR " in one]
    assert "dataset home: found no video, expected one for imu2clip; without a video only methods of sensors" in line


@pytest.fixture
def unlabelled(home):
    home.home["classes"] = {}
    home.add("day1", labels=False)
    home.add("day2", after_s=600, seed=1, labels=False)
    return home


def test_without_labels_stage_1_gives_clusters(unlabelled, tmp_path):
    chain = Chain(unlabelled, tmp_path / "out", rows=[])
    windows, parts = chain.run()
    assert (windows.class_names, windows.num_windows) == ((), 158)
    pretrain_spatial(
        settings=chain.config.spatial("default", "home"),
        checkpoint_path=tmp_path / "checkpoint.safetensors",
        history_path=tmp_path / "history.jsonl",
        assignments_path=tmp_path / "assignments.h5",
        seed=0,
        log_path=tmp_path / "pretrain_spatial.log",
        **chain.data,
    )
    found = read_assignments(tmp_path / "assignments.h5")
    assert found.window.tolist() == parts.pretrain.tolist()
    assert len(set(found.cluster[-1].tolist())) >= 2
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert len(rows) >= 4


def test_without_labels_a_method_or_probe_that_needs_them_is_refused_in_a_sentence(unlabelled, tmp_path):
    chain = Chain(unlabelled, tmp_path / "out", rows=[])
    chain.run()
    with pytest.raises(SystemExit):
        chain.train("supervised")
    assert (
        "dataset home: found no labels, expected some for supervised"
        in (tmp_path / "out/supervised/pretrain.log").read_text()
    )
    with pytest.raises(SystemExit):
        chain.probe("statistics")
    assert (
        "dataset home: found no labels, expected classes to probe"
        in (tmp_path / "out/statistics/probe.log").read_text()
    )


def test_a_file_with_a_mistake_is_one_line_in_the_log_and_no_output(two_days, tmp_path):
    path = two_days.root / "day2/events.csv"
    path.write_text(path.read_text() + "yesterday,fridge_door,on\n")
    chain = Chain(two_days, tmp_path / "out", rows=["detach"])
    with pytest.raises(SystemExit):
        chain.ingest()
    (line,) = [one for one in chain.log("ingest").read_text().splitlines() if " ERROR " in one]
    number = len(path.read_text().splitlines())
    assert f"day2/events.csv: line {number}, column time: found 'yesterday', expected an ISO date and time" in line
    assert not chain.paths["sensor"].exists()
