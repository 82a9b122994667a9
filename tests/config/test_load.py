import pytest

from detach_core.config.load import Config, ConfigError, load_config


def test_the_default_configuration_is_accepted(data):
    assert isinstance(load_config(data), Config)


def test_all_mistakes_of_a_kind_come_at_once(data):
    data["probe"]["folds"] = 3
    del data["seeds"]
    with pytest.raises(ConfigError) as refused:
        load_config(data)
    assert len(refused.value.lines) == 2


def test_what_was_given_is_left_as_it_is(data):
    before = repr(data)
    load_config(data)
    assert repr(data) == before
