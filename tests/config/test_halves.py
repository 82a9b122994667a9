import json

import pytest

from detach_core.config.load import ConfigError, load_config


def test_a_half_is_probed_from_its_variant_s_embeddings(data):
    config = load_config(data)
    assert config.trained("detach-temporal-half") == "detach"
    assert config.candidates("detach-temporal-half") == ["detach"]
    assert json.loads(config.probing("detach-temporal-half"))["half"] == "temporal"
    assert json.loads(config.probing("detach-temporal-action"))["target"] == "action"
    assert json.loads(config.probing("detach"))["half"] is None
    assert "detach-temporal-half" in config.runs


def test_comodo_s_projection_is_a_row_without_a_training_of_its_own(data):
    config = load_config(data)
    assert config.trained("comodo-projection") == "comodo"
    probing = json.loads(config.probing("comodo-projection"))
    assert (probing["half"], probing["target"], probing["variant"]) == ("shared", "class", "comodo-projection")


@pytest.mark.parametrize("variant", ["statistics", "cav_mae", "detach"])
def test_the_whole_of_any_method_may_be_probed_for_the_place(set_key, variant):
    config = load_config(set_key("halves.x", {"variant": variant, "half": "whole", "target": "place"}))
    assert config.trained("x") == variant
    assert json.loads(config.probing("x"))["half"] == "whole"


@pytest.mark.parametrize(
    ("name", "half", "message"),
    [
        ("x", {"variant": "nothing", "half": "spatial", "target": "class"}, "halves.x.variant: unknown key"),
        (
            "x",
            {"variant": "cav_mae", "half": "spatial", "target": "class"},
            "halves.x.variant: must be a variant whose embedding has parts, got cav_mae, whose has none",
        ),
        (
            "x",
            {"variant": "primus", "half": "spatial", "target": "class"},
            "halves.x.half: must be shared, which the embedding of primus has, got spatial",
        ),
        (
            "x",
            {"variant": "detach", "half": "shared", "target": "class"},
            "halves.x.half: must be spatial or temporal, which the embedding of detach has, got shared",
        ),
        (
            "x",
            {"variant": "detach", "half": "left", "target": "class"},
            "halves.x.half: must be 'spatial', 'temporal', 'shared' or 'whole', got 'left'",
        ),
        (
            "detach",
            {"variant": "detach", "half": "spatial", "target": "class"},
            "halves.detach: must not have the name of a variant",
        ),
    ],
)
def test_a_half_of_nothing_is_refused(set_key, name, half, message):
    with pytest.raises(ConfigError) as error:
        load_config(set_key(f"halves.{name}", half))
    assert message in str(error.value)


def test_a_part_that_the_variant_s_settings_leave_out_is_refused_before_any_training(data, set_key):
    data["variants"]["adapted"] = {"method": "primus", "authors_adaptation": True}
    half = {"variant": "adapted", "half": "shared", "target": "class"}
    with pytest.raises(ConfigError) as error:
        load_config(set_key("halves.x", half))
    message = "halves.x.variant: must be a variant whose embedding has parts, got adapted, whose has none"
    assert message in str(error.value)
    load_config(set_key("halves.x", {**half, "variant": "primus"}))
