import pytest

from detach_core.config.load import load_config
from detach_core.config.variants import WEIGHT_SUFFIXES, resolve_spatial, resolve_variant
from detach_core.methods.detach.settings import SpatialSettings
from detach_core.methods.registry import METHODS
from detach_core.settings.base import field_types
from detach_core.settings.shared import SCRATCH, VideoStartSettings

# Of the methods, those that never look at the video.
BLIND = {"random_encoder", "statistics", "supervised"}


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("datasets.opportunity.source", "local", "datasets.opportunity.root: must be your own folder"),
        (
            "datasets.opportunity.source",
            "download",
            "datasets.opportunity.download.files: must name the files to fetch",
        ),
        ("datasets.hwu_usp.classes", ["tea", "tidy"], "datasets.hwu_usp.takes: must be among `classes`"),
        ("datasets.opportunity.subjects", ["S1", "S3", "S4", "S1"], "datasets.opportunity.subjects: must not repeat"),
        (
            "datasets.opportunity.window.length_s",
            1.3,
            "datasets.opportunity.video.working_hz: must give a whole number",
        ),
        ("datasets.opportunity.video.working_hz", 12, "datasets.opportunity.video.working_hz: must be at most `native"),
        (
            "splits.default.opportunity.held_out",
            ["S9"],
            "splits.default.opportunity.held_out: must be among the recordings",
        ),
        ("splits.default.opportunity.held_out", [], "splits.default.opportunity.held_out: must name recordings"),
        (
            "splits.default.hwu_usp.hold_out",
            "nothing",
            "splits.default.hwu_usp.held_out: must be empty when `hold_out`",
        ),
        ("tables.table1.rows", ["detahc"], "tables.table1.rows: detahc: unknown key, did you mean `detach`?"),
        ("tables.table1.splits", ["x"], "tables.table1.splits: unknown key; known: default"),
        ("tables.table1.datasets", ["hwu"], "tables.table1.datasets: hwu: unknown key"),
        ("spatial.other", {"cluster": 3}, "spatial.other.cluster: unknown key, did you mean `clusters`?"),
        ("spatial.default.clusters", 1, "spatial.default.clusters: must be >= 2, got 1"),
        ("variants.a", {"hardness": 2.0}, "variants.a.method: missing"),
        ("variants.detach", {"spatial": "default"}, "variants.detach.method: missing"),
        ("variants.detach.method", "detahc", "variants.detach.method: must be one of detach, imu2clip, "),
        ("variants.detach.method", "detach_spatial", "variants.detach.method: must be one of detach, imu2clip, "),
        ("variants.detach.method", 3, "variants.detach.method: must be one of detach, imu2clip, "),
        ("variants.detach.method", "no_such:Method", "variants.detach.method: method 'no_such:Method' cannot be im"),
        ("methods.detahc", {"epochs": 3}, "methods.detahc: must be one of detach, imu2clip, "),
    ],
)
def test_values_that_do_not_fit_each_other_are_refused(set_key, mistakes, path, value, line):
    assert mistakes(set_key(path, value))[0].startswith(line)


def test_a_split_without_a_tables_dataset_is_refused(data, mistakes):
    del data["splits"]["default"]["hwu_usp"]
    assert "tables.table1.datasets: hwu_usp has no part in splits.default" in mistakes(data)


def test_a_split_of_an_unknown_dataset_is_refused(data, mistakes):
    data["splits"]["default"]["hwu"] = data["splits"]["default"]["hwu_usp"]
    assert mistakes(data)[0].startswith("splits.default.hwu: unknown key")


def test_stage_1_has_its_defaults_without_a_section(data):
    settings = load_config(data).spatial("default", "hwu_usp")
    del data["spatial"]["default"]
    config = load_config(data)
    assert config.spatial("default", "hwu_usp") == settings
    assert resolve_spatial(config.document, "default") == SpatialSettings()
    assert config.spatials[0] == "default"


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "trunk.safetensors"
    path.touch()
    return str(path)


def test_every_method_that_sees_the_video_has_the_section_and_no_other():
    kinds = {name: METHODS.settings(name) for name in METHODS}
    assert {name for name, kind in kinds.items() if "video" not in field_types(kind)} == BLIND
    assert {name for name, kind in kinds.items() if not kind.takes_weight_file} == BLIND | {"cav_mae"}


@pytest.mark.parametrize("suffix", WEIGHT_SUFFIXES)
def test_a_file_that_is_there_reaches_stage_1_and_every_method_that_sees_the_video(set_key, tmp_path, suffix):
    path = tmp_path / f"mine{suffix}"
    path.touch()
    set_key("video.init", str(path))
    document = load_config(set_key("tables.table1.rows", ["detach"])).document
    assert resolve_spatial(document, "default").video == VideoStartSettings(init=str(path))
    for name in document.methods:
        settings = resolve_variant(document, name).settings
        assert getattr(settings, "video", None) == (None if name in BLIND else VideoStartSettings(init=str(path)))


@pytest.mark.parametrize("name", ["missing.pth", "folder.pt", "weights.onnx", "", "Scratch"])
def test_what_is_no_weight_file_is_refused_before_any_job(set_key, mistakes, tmp_path, name):
    (tmp_path / "folder.pt").mkdir()
    (tmp_path / "weights.onnx").touch()
    value = str(tmp_path / name) if name.islower() else name
    (line,) = mistakes(set_key("video.init", value))
    assert line.startswith(f"video.init: must be {SCRATCH} or a file that ")
    assert repr(value) in line


def test_stage_2_starts_where_its_stage_1_does(set_key, mistakes, weights):
    (line,) = mistakes(set_key("variants.detach.video", {"init": weights}))
    assert line == "variants.detach.video: must equal that of spatial.default, whose features it uses"


def test_a_table_with_a_row_that_no_file_fits_is_refused_and_without_it_is_not(data, set_key, mistakes, weights):
    set_key("tables.table1.rows", ["detach", "cav_mae"])
    (line,) = mistakes(set_key("video.init", weights))
    assert line.startswith("variants.cav_mae.video.init: must be scratch")
    load_config(set_key("variants.cav_mae", {"method": "cav_mae", "video": {"init": "scratch"}}))
    set_key("variants.cav_mae", {"method": "cav_mae"})
    load_config(set_key("tables.table1.rows", ["detach", "imu2clip", "supervised", "random_encoder", "statistics"]))


def test_the_workflow_waits_for_the_file_where_a_network_of_ones_own_starts_from_it(set_key, weights):
    set_key("tables.table1.rows", ["detach"])
    assert load_config(set_key("video.init", SCRATCH)).spatial_weights("default") == []
    config = load_config(set_key("video.init", weights))
    assert config.spatial_weights("default") == config.video_weights("primus") == [weights]
    assert config.video_weights("detach") == config.video_weights("supervised") == []
