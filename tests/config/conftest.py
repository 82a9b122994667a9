import copy
from pathlib import Path

import pytest

from detach_core.config.yaml_file import read_default

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = read_default(checkout=ROOT)


@pytest.fixture
def root():
    return ROOT


@pytest.fixture
def data():
    return copy.deepcopy(DEFAULT)


@pytest.fixture
def set_key(data):
    """Set `a.b.c` of the default configuration to a value and return all of it."""

    def change(path, value):
        section = data
        *parents, last = path.split(".")
        for part in parents:
            section = section.setdefault(part, {})  # a section at its defaults may stand nowhere
        section[last] = value
        return data

    return change


@pytest.fixture
def mistakes():
    """The lines with which a configuration is refused."""
    from detach_core.config.load import ConfigError, load_config

    def lines(data):
        with pytest.raises(ConfigError) as refused:
            load_config(data)
        return refused.value.lines

    return lines
