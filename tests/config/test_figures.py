import json

import pytest

from detach_core.config.load import ConfigError, load_config


def test_every_figure_of_the_paper_s_experiments_is_configured(data):
    assert {f"figure{number}" for number in range(4, 11)} <= set(data["figures"])


def test_a_figure_s_settings_are_its_section(data):
    settings = json.loads(load_config(data).figure("figure6"))
    assert settings == data["figures"]["figure6"]


def test_maps_are_of_the_dataset_s_classes(data):
    config = load_config(data)
    assert json.loads(config.activation_maps("hwu_usp", "detach"))["classes"] == ["tea", "sandwich", "dishes"]


def test_pairs_are_looked_at_where_snapshots_are_kept(data):
    settings = json.loads(load_config(data).negative_pairs("detach"))
    assert settings["snapshots"] == data["snapshots"]
    assert settings["windows"] == 256


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("figures.figure4.split", "other", "figures.figure4.split: unknown key"),
        ("figures.figure4.dataset", "casas", "figures.figure4.dataset: unknown key"),
        ("figures.figure4.dataset", "hwu_usp", "figures.figure4.dataset: must have labels of windows"),
        ("figures.figure4.variant", "nothing", "figures.figure4.variant: unknown key"),
        ("figures.figure4.variant", "primus", "figures.figure4.variant: must be a variant of detach"),
        ("figures.figure4.draw", "pie", "figures.figure4"),
        ("figures.figure6.query_class", "Open Window", "figures.figure6.query_class: must be among"),
        ("figures.figure10.spatial", "nothing", "figures.figure10.spatial: unknown key"),
        ("analysis.maps.baseline", "nothing", "analysis.maps.baseline: unknown key"),
        ("analysis.maps.classes.hwu_usp", ["nap"], "analysis.maps.classes.hwu_usp: must be among"),
        ("analysis.maps.classes", {}, "analysis.maps.classes.opportunity: missing; figures.figure8 shows its windows"),
    ],
)
def test_what_a_figure_names_must_exist(set_key, path, value, message):
    with pytest.raises(ConfigError) as error:
        load_config(set_key(path, value))
    assert message in str(error.value)
