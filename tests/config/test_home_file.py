"""A home of one's own in the configuration: what its `home.yaml` fills in, and its mistakes with their places."""

import re
from pathlib import Path

import pytest

from detach_core.config.errors import ConfigError
from detach_core.config.home_file import read_home
from detach_core.config.load import load_config
from detach_core.config.variants import merge
from detach_core.config.yaml_file import read_yaml
from detach_core.datasets.folder.settings import KINDS
from tests.fixtures.own_home import OwnHome

SENSORS_ALONE = ["random_encoder", "statistics", "supervised"]


@pytest.fixture
def home(tmp_path):
    found = OwnHome(tmp_path / "home")
    for name in ("day1", "day2"):
        found.home["recordings"][name] = {
            "sensors": f"{name}.csv",
            "labels": f"{name}-labels.csv",
            "video": {"files": f"{name}.mp4", "start": "2024-05-01T08:00:00"},
        }
    found.root.mkdir()
    return found


@pytest.fixture
def load(home, data):
    """A function that loads the default configuration with the home, after changes to `home.yaml`."""

    def config(*, rows=("detach", "statistics"), dataset=None, **changes):
        home.save(**changes)
        overlay = home.overlay(rows=list(rows), held_out=["day2"], **(dataset or {}))
        return load_config(merge(data, overlay))

    return config


@pytest.fixture
def refused(home, data, mistakes):
    """A function: the lines with which the home is refused."""

    def lines(*, rows=("detach", "statistics"), dataset=None, **changes):
        home.save(**changes)
        overlay = home.overlay(rows=list(rows), held_out=["day2"], **(dataset or {}))
        return [line.replace(f"{home.root}/", "") for line in mistakes(merge(data, overlay))]

    return lines


def test_the_home_fills_in_what_the_dataset_does_not_say(load):
    section = load().document.datasets["home"]
    assert (section.source, section.subjects, section.takes) == ("local", ("resident",), ("day1", "day2"))
    assert (section.classes, section.label_unit, section.null_windows) == (("cook", "leave"), "window", "keep")
    assert (section.missing.all_nan_channel, section.missing.max_nan_share) == ("zero", 0.5)
    assert section.recordings() == ["day1", "day2"]
    assert section.native.recordings["day1"].sensors == ("day1.csv",)
    assert list(section.native.recordings["day1"].video) == ["camera"]
    assert section.native.quiet_channels == ("temperature",)


def test_the_configuration_rules_over_the_home(load):
    config = load(dataset={"null_windows": "drop", "native": {"sensor_hz": 40, "channels": {"floor_x": {"factor": 2}}}})
    section = config.document.datasets["home"]
    assert section.null_windows == "drop"
    assert (section.native.sensor_hz, section.native.channels["floor_x"].factor) == (40.0, 2.0)
    assert section.native.channels["floor_x"].kind == "accelerometer"


def test_subjects_and_takes_choose_recordings(load, home):
    home.home["recordings"]["day1"]["subject"] = "anna"
    home.home["recordings"]["day3"] = dict(home.home["recordings"]["day2"])
    config = load(dataset={"subjects": ["resident"]})
    assert config.recordings("home") == ["day2", "day3"]
    config = load(dataset={"takes": ["day3", "day1", "day2"]})
    assert config.recordings("home") == ["day3", "day1", "day2"]
    assert config.document.datasets["home"].subjects == ("anna", "resident")


def test_times_that_yaml_knows_are_texts(load, home):
    (home.root / "home.yaml").write_text("")
    text = "video: {files: a.mp4, start: 2024-05-01T08:00:00}, start: 2024-05-01 07:00:00, end: 1714546800"
    home.home["recordings"]["day1"] = "PLACE"
    path = home.save()
    path.write_text(path.read_text().replace("PLACE", f"{{sensors: a.csv, {text}}}"))
    home.home = read_yaml(path)
    one = home.native.recordings["day1"]
    assert (one.start, one.end, one.video["camera"].start) == (
        "2024-05-01T07:00:00",
        "1714546800",
        "2024-05-01T08:00:00",
    )


def test_a_change_of_a_channel_reruns_the_sensors_alone(load, home):
    before = load()
    home.home["channels"]["floor_x"]["factor"] = 3.0
    after = load()
    assert before.ingest("home") != after.ingest("home")
    assert before.extract_frames("home") == after.extract_frames("home")
    home.home["video_hz"] = 12
    assert after.ingest("home") == load().ingest("home")


def test_every_kind_has_its_treatment(load, home):
    home.home["channels"] = {kind: {"kind": kind} for kind in KINDS}
    native = load().document.datasets["home"].native
    assert set(native.quiet_channels) == {"temperature", "humidity"}
    assert native.channels["light"].shown_unit == "log(1 + lx)"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"time_zone": "Europe/Berln"}, "home.yaml: time_zone: must be a time zone such as .*, got 'Europe/Berln'"),
        ({"time_zone": "../etc"}, "home.yaml: time_zone: must be a time zone"),
        ({"time_zone": "Europe"}, "home.yaml: time_zone: must be a time zone"),
        ({"time_zone": 1}, "home.yaml: time_zone: must be a text, got 1"),
        ({"zone": "UTC"}, "home.yaml: zone: unknown key"),
        ({"channels": {"a": {"kind": "door"}}}, "home.yaml: channels.a.kind: must be 'switch', .*, got 'door'"),
        ({"channels": {"a": {"kind": "switch", "scala": 1}}}, "home.yaml: channels.a.scala: unknown key, .* `scale`"),
        ({"channels": {"a": None}}, "home.yaml: channels.a.kind: missing"),
        ({"channels": {"a": {"kind": "light", "factor": "2"}}}, "home.yaml: channels.a.factor: must be a number"),
        ({"channels": {"a": {"kind": "light", "max_gap_s": 0}}}, "home.yaml: channels.a.max_gap_s: must be > 0, got 0"),
        ({"channels": {}}, "home.yaml: channels: must have at least 1 entries"),
        ({"sensor_hz": 0}, "home.yaml: sensor_hz: must be > 0, got 0"),
        ({"classes": {"cook": {"place": 3}}}, "home.yaml: classes.cook.place: must be a text, got 3"),
        ({"classes": {"cook": {}}}, "home.yaml: classes: must be none, or at least two to tell apart, got cook alone"),
        ({"classes": {"a": {"labels": ["b"]}, "b": {}}}, "home.yaml: classes: the label 'b' must belong to one class"),
        ({"classes": {}}, "home.yaml: recordings.day1.labels: must not be given without `classes`"),
        ({"recordings": {}}, "home.yaml: recordings: must have at least 1 entries"),
        ({"recordings": {"a/b": {"sensors": "a.csv"}}}, "home.yaml: recordings.*must be a name of letters"),
        ({"recordings": {"a": {"labels": "a.csv"}}}, "home.yaml: recordings.a.sensors: missing"),
        ({"recordings": {"a": {"sensors": "/etc/a.csv"}}}, "home.yaml: recordings.a: must name files below the home's"),
        ({"recordings": {"a": {"sensors": "../a.csv"}}}, "home.yaml: recordings.a: must name files below the home's"),
        ({"recordings": {"a": {"sensors": "a.csv", "video": 3}}}, "recordings.a.video.camera: must be a section"),
        ({"recordings": {"a": {"sensors": "a.csv", "video": {"start": 3}}}}, "must have either `files` or `starts`"),
        ({"camera": "attic"}, "home.yaml: camera: must be one of camera, or none, got 'attic'"),
        ({"cameras": {"k": {}, "h": {}}}, "home.yaml: camera: missing; must name one of k, h, camera"),
        ({"cameras": {"k": {"names": "clock"}}}, "home.yaml: cameras.k.names: must be 'auto', .*, got 'clock'"),
    ],
)
def test_a_mistake_in_the_home_is_a_line_with_its_place(refused, changes, line):
    lines = refused(**changes)
    assert any(re.search(line, one) for one in lines), lines


def test_a_home_that_is_not_there_is_told(data, tmp_path, mistakes):
    for root, expected in ((str(tmp_path), "with a file home.yaml in it"), (None, "the folder that holds home.yaml")):
        data["datasets"]["home"] = {"adapter": "folder", "root": root}
        (line,) = mistakes(data)
        assert line.startswith("datasets.home.root: must be")
        assert expected in line


def test_a_repeated_key_is_told_with_its_line(home, data, mistakes):
    (home.root / "home.yaml").write_text("time_zone: UTC\ntime_zone: UTC\n")
    data["datasets"]["home"] = home.section()
    (line,) = mistakes(data)
    assert line == f"{Path(home.root, 'home.yaml')}: line 2: the key `time_zone` is repeated"


def test_a_window_too_short_for_the_networks_is_told(refused):
    (line,) = refused(sensor_hz=10)
    assert line == (
        "datasets.home.window.length_s: must give at least 36 samples, which networks need, got 20;"
        " raise it or `sensor_hz` of home.yaml"
    )


def test_a_home_is_read_without_a_configuration(home):
    path = home.save()
    assert read_home(home.root).channel_names[0] == "floor_x"
    home.save(camera="attic")
    with pytest.raises(ConfigError, match=rf"{path}: camera: must be one of camera, or none, got 'attic'"):
        read_home(home.root)
    path.unlink()
    with pytest.raises(ConfigError, match=r"home.yaml: cannot be read"):
        read_home(home.root)


@pytest.mark.parametrize("source", ["simulated", "download"])
def test_only_its_own_folder_can_be_the_source(refused, source):
    lines = refused(dataset={"source": source})
    assert f"datasets.home.source: must be local, as home.yaml lies in the folder, got {source}" in lines


def unlabelled():
    return {"classes": {}, "recordings": {name: {"sensors": f"{name}.csv"} for name in ("day1", "day2")}}


def test_without_labels_a_table_of_probes_is_refused_and_one_of_the_data_is_not(refused, load, home, data):
    lines = refused(rows=SENSORS_ALONE, **unlabelled())
    assert lines == [
        "tables.table1.datasets: must have labels, which home has not; without them there are its clusters,"
        " results/home/<split>/spatial/default/seed0/assignments.h5, and tables of the data"
    ]
    home.save(**unlabelled())
    overlay = home.overlay(rows=["detach"], held_out=["day2"]) | {"tables": {"table7": {"datasets": ["home"]}}}
    assert load_config(merge(data, overlay)).document.datasets["home"].classes == ()


def test_without_video_methods_that_need_it_are_refused(refused, load, home):
    recordings = {name: {**one, "video": None} for name, one in home.home["recordings"].items()}
    (line,) = refused(rows=["detach", "statistics", "detach-spatial-half"], recordings=recordings)
    assert line.startswith(
        "tables.table1.rows: must be methods of sensors alone, as home has no video, got detach, detach"
    )
    assert line.endswith("such are best-untrained, best-supervised, random_encoder, statistics, supervised")
    config = load(rows=SENSORS_ALONE, recordings=recordings)
    assert not config.has_video("home")


def test_a_camera_can_be_left_out_and_a_recording_without_it_is_told(refused, load, home):
    home.home["recordings"]["day1"].pop("video")
    (line,) = refused()
    assert line.startswith(
        "datasets.home.takes: must have a video of the used camera, as other recordings have, got day1"
    )
    assert not load(rows=SENSORS_ALONE, dataset={"native": {"camera": "none"}}).has_video("home")
    assert load(dataset={"takes": ["day2", "day1"], "native": {"camera": "none"}}, rows=SENSORS_ALONE)


def test_of_several_cameras_the_configuration_may_name_the_used_one(load, home):
    for name in ("day1", "day2"):
        home.home["recordings"][name]["video"] = {"k": f"{name}-k.mp4", "h": [f"{name}-h-*.mp4"]}
    native = load(dataset={"native": {"camera": "h"}}).document.datasets["home"].native
    assert native.used_camera == "h"
    assert native.wanted_files("video", "day1")[0].patterns == ("day1-h-*.mp4",)
