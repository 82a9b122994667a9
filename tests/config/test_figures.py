import json

from detach_core.config.figures import NEEDS
from detach_core.config.load import load_config
from detach_core.reports.figures import FIGURES, drawing


def test_every_drawing_says_the_same_needs_as_the_workflow():
    assert set(NEEDS) == set(FIGURES)
    for name, needs in NEEDS.items():
        assert drawing(name).needs == needs


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
