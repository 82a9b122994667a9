import pytest

from detach_core.config.load import load_config


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("methods.supervised.epochs", 0),
        ("methods.supervised.sensor_temporal", "lstm"),
        ("methods.supervised.video", {"init": "scratch"}),
        ("methods.random_encoder", {"epochs": 3}),
        ("methods.statistics", {"sensor_temporal": "cnn_gru"}),
    ],
)
def test_values_out_of_range_and_keys_of_others_are_refused(set_key, mistakes, path, value):
    (line,) = mistakes(set_key(path, value))
    assert line.startswith(path)


def test_the_defaults_are_those_of_the_configuration(data):
    names = ("random_encoder", "statistics", "supervised")
    settings = [load_config(data).variant(name).settings for name in names]
    for name in names:
        data["methods"].pop(name, None)
    assert [load_config(data).variant(name).settings for name in names] == settings
