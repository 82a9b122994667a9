import pytest
from detach_core.config.methods import METHOD_CONFIGS
from detach_core.config.video import SCRATCH, SUFFIXES

from detach_core.config.load import load_config
from detach_core.config.variants import resolve_spatial, resolve_variant

# Of the methods, those that never look at the video.
BLIND = {"random_encoder", "statistics", "supervised"}


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "trunk.safetensors"
    path.touch()
    return str(path)


def test_every_method_that_sees_the_video_has_the_section_and_no_other():
    assert {name for name, section in METHOD_CONFIGS.items() if "video" not in section.shared} == BLIND
    assert {name for name, section in METHOD_CONFIGS.items() if not section.takes_weight_file} == {"cav_mae"}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_is_there_reaches_stage_1_and_every_method_that_sees_the_video(set_key, tmp_path, suffix):
    path = tmp_path / f"mine{suffix}"
    path.touch()
    set_key("video.init", str(path))
    document = load_config(set_key("tables.table1.rows", ["detach"])).document
    assert resolve_spatial(document, "default").settings()["video"] == {"init": str(path)}
    for name, section in METHOD_CONFIGS.items():
        settings = resolve_variant(document, name).resolved.settings()
        assert settings.get("video") == ({"init": str(path)} if "video" in section.shared else None)


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
    load_config(set_key("tables.table1.rows", ["detach"]))


def test_the_workflow_waits_for_the_file_where_a_network_of_ones_own_starts_from_it(set_key, weights):
    set_key("tables.table1.rows", ["detach"])
    assert load_config(set_key("video.init", SCRATCH)).spatial_weights("default") == []
    config = load_config(set_key("video.init", weights))
    assert config.spatial_weights("default") == config.video_weights("primus") == [weights]
    assert config.video_weights("detach") == config.video_weights("supervised") == []
