import pytest

from detach_core.config.load import ConfigError, load_config


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
