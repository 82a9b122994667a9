from dataclasses import replace

import pytest

from detach_core.config.load import load_config
from detach_core.config.variants import merge, resolve_spatial, resolve_variant
from detach_core.methods.detach.settings import DetachSettings
from detach_core.settings.base import to_plain


def test_a_variant_changes_what_it_names_and_keeps_the_rest(set_key):
    document = load_config(set_key("variants.soft", {"method": "detach", "spatial": "default", "hardness": 2})).document
    soft, full = resolve_variant(document, "soft"), resolve_variant(document, "detach")
    assert isinstance(full.settings, DetachSettings)
    assert soft.settings == replace(full.settings, hardness=2.0)
    assert (soft.method, soft.spatial) == ("detach", "default")


def test_a_variant_may_change_a_shared_section(set_key):
    change = {"method": "statistics", "input": {"form": "z"}}
    settings = resolve_variant(load_config(set_key("variants.z", change)).document, "z").settings
    assert settings.input.form == "z"
    assert settings.input.activation_quantile == 0.99


def test_another_stage_1_differs_from_the_default_in_what_it_names(set_key):
    document = load_config(set_key("spatial.all", {"confident_quantile": 1.0, "plateau": {"rate": 0.5}})).document
    changed, default = (resolve_spatial(document, name) for name in ("all", "default"))
    assert changed == replace(default, confident_quantile=1.0, plateau=replace(default.plateau, rate=0.5))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"method": "detach", "spatial": "default", "hardness": 0.5},
            "variants.x.hardness: must be > 1, got 0.5",
        ),
        (
            {"method": "detach", "spatial": "default", "hardnes": 2.0},
            "variants.x.hardnes: unknown key, did you mean `hardness`?",
        ),
        ({"method": "detach"}, "variants.x.spatial: missing; detach stands on a Stage 1"),
        (
            {"method": "detach", "spatial": "y"},
            "variants.x.spatial: must be one of default, no-refinement, q100-norefine, q100-refine-all, got 'y'",
        ),
        (
            {"method": "statistics", "spatial": "default"},
            "variants.x.spatial: statistics has no Stage 1; remove the key",
        ),
        ({"method": "statistics", "epochs": 2}, "variants.x.epochs: unknown key; known: input"),
        ({"method": "statistics", "input": 2}, "variants.x.input: must be a section of keys and values, got 2"),
        ({"method": "statistics", "input": {"form": "q"}}, "variants.x.input.form: must be 'centred' or 'z', got 'q'"),
        ({"method": "magic"}, "variants.x.method: must be one of detach"),
        (
            {"method": "cav_mae", "video": {"network": "frames"}},
            "variants.x.video.network: cav_mae has video networks of its own; remove the key",
        ),
        (
            {"method": "cav_mae", "video": {"network": "decomposed", "init": "scratch"}},
            "variants.x.video.network: cav_mae has video networks of its own; remove the key",
        ),
        (
            {"method": "detach", "spatial": "default", "video": {"network": "frames"}},
            "variants.x.video.network: detach has video networks of its own; remove the key",
        ),
        (
            {"method": "detach", "spatial": "default", "input": {"form": "z"}},
            "variants.x.input: must equal that of spatial.default, whose features it uses",
        ),
    ],
)
def test_a_wrong_variant_is_one_line_with_its_path(set_key, mistakes, changes, line):
    (found,) = mistakes(set_key("variants.x", changes))
    assert found.startswith(line)


@pytest.mark.parametrize("name", ["default", "other"])
def test_stage_1_has_no_network_to_choose(set_key, mistakes, name):
    (found,) = mistakes(set_key(f"spatial.{name}.video", {"network": "frames"}))
    assert found == f"spatial.{name}.video.network: Stage 1 has video networks of its own; remove the key"


@pytest.mark.parametrize("method", ["imu2clip", "primus", "comodo"])
def test_a_baseline_with_the_common_video_network_may_change_it(set_key, method):
    document = load_config(set_key("variants.x", {"method": method, "video": {"network": "frames"}})).document
    assert to_plain(resolve_variant(document, "x").settings)["video"]["network"] == "frames"


def test_a_network_chosen_for_all_baselines_leaves_the_other_rows_as_they_are(set_key):
    document = load_config(set_key("video.network", "frames")).document
    assert to_plain(resolve_variant(document, "imu2clip").settings)["video"]["network"] == "frames"
    resolve_variant(document, "cav_mae")
    resolve_variant(document, "detach")


def test_merge_goes_into_sections_and_replaces_lists():
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert merge(base, {"a": {"c": [3]}, "e": 2}) == {"a": {"b": 1, "c": [3]}, "d": 1, "e": 2}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 1}


@pytest.mark.parametrize("control", ["best-untrained", "best-supervised"])
def test_a_control_of_best_has_its_cue(data, control):
    document = load_config(data).document
    cues = [to_plain(resolve_variant(document, name).settings)["temporal_cue"] for name in (control, "best")]
    assert cues == ["trend", "trend"]
    assert any(control in getattr(table, "rows", ()) for table in document.tables.values())
