"""What YAML can hold and no setting is, in each kind of section: one clear line, with the key's path."""

import datetime

import pytest

from detach_core.config.document import Section
from detach_core.config.errors import ConfigError, validated
from detach_core.methods.detach.settings import SpatialSettings
from detach_core.settings.shared import OptimizerSettings

PLACES = ["threads", "optimizer.lr", "methods.detach.epochs", "spatial.default.alpha", "probe.inner_folds"]
STRANGE = [
    (datetime.date(2026, 1, 2), "datetime.date(2026, 1, 2)"),
    (datetime.datetime(2026, 1, 2, 3, 4, 5), "datetime.datetime(2026, 1, 2, 3, 4, 5)"),
    (b"\x00\xff", "xff"),
    ({1, 2}, "{1, 2}"),
    (10**400, "got 1000000000000"),
    (-(10**400), "got -1000000000000"),
    (10**4100, "1000000000000"),
]


class Section1(Section):
    rate: float
    name: str | None


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize(("value", "shown"), STRANGE, ids=[str(number) for number in range(len(STRANGE))])
def test_what_json_does_not_have_is_one_line(set_key, mistakes, path, value, shown):
    (line,) = mistakes(set_key(path, value))
    assert line.startswith(f"{path}: must be ")
    assert shown in line
    assert "this is text" not in line


def test_a_whole_number_beyond_64_bits_is_held_against_the_range_like_any_other(set_key, mistakes):
    for value in (2**63, 10**30):
        assert mistakes(set_key("optimizer.lr", value)) == [f"optimizer.lr: must be <= 1, got {value}"]
        assert validated(SpatialSettings, {"alpha": value}).alpha == float(value)


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_infinities_and_no_number_are_one_line(set_key, mistakes, path, value):
    (line,) = mistakes(set_key(path, value))
    assert line.startswith(f"{path}: must be ")
    assert line.endswith(f"got {value}")


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({7: 1.0}, "7: a key must be a text, got 7"),
        ({"rate": 1.0, "name": {None: 2}}, "name.None: a key must be a text, got None"),
        ({"rate": [{"a": {True: 1}}]}, "rate[0].a.True: a key must be a text, got True"),
        ({datetime.date(2026, 1, 2): 1}, "2026-01-02: a key must be a text, got datetime.date(2026, 1, 2)"),
        ({"rate": 1.0, "name": {"a\nb": {3: 1}}}, "name.a\\nb.3: a key must be a text, got 3"),
    ],
)
def test_keys_that_are_no_texts_are_one_line(data, line):
    with pytest.raises(ConfigError) as refused:
        validated(Section1, data)
    assert refused.value.lines == [line]


@pytest.mark.parametrize(("kind", "key"), [(Section1, "rate"), (OptimizerSettings, "lr"), (SpatialSettings, "alpha")])
def test_sections_and_settings_are_equally_strict(kind, key):
    rest = {"name": None} if kind is Section1 else {}
    for value in ("0.5", True, None, [0.5], {"a": 0.5}):
        with pytest.raises(ConfigError) as refused:
            validated(kind, {**rest, key: value}, ("here", 3))
        (line,) = refused.value.lines
        assert line.startswith(f"here[3].{key}: must be ")
    assert getattr(validated(kind, {**rest, key: 1}), key) == 1.0
    assert type(getattr(validated(kind, {**rest, key: 1}), key)) is float


@pytest.mark.parametrize("data", [None, 3, "text", [], [1]])
@pytest.mark.parametrize("kind", [Section1, OptimizerSettings])
def test_what_is_no_section_is_one_line(kind, data):
    with pytest.raises(ConfigError) as refused:
        validated(kind, data, ("here",))
    (line,) = refused.value.lines
    assert line == f"here: must be a section of keys and values, got {data!r}"


def test_settings_come_back_as_their_type_and_a_list_as_a_tuple():
    found = validated(SpatialSettings, {"plateau": {"rate": 0.5}, "clusters": 3})
    assert isinstance(found, SpatialSettings)
    assert found == SpatialSettings(clusters=3, plateau=type(found.plateau)(rate=0.5))


def test_what_was_given_is_left_as_it_is():
    data = {"plateau": {"rate": 0.5}, "video": {"init": "scratch"}}
    validated(SpatialSettings, data)
    assert data == {"plateau": {"rate": 0.5}, "video": {"init": "scratch"}}
