import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from detach_core.config.schema import settings_schema
from detach_core.methods.detach.settings import PlateauSettings, SpatialSettings
from detach_core.methods.registry import METHODS
from detach_core.settings.base import (
    Derived,
    Name,
    Range,
    Settings,
    Share,
    derived_fields,
    field_types,
    from_plain,
    to_plain,
)
from detach_core.settings.shared import MachinesSettings


@dataclass(frozen=True)
class Inner(Settings):
    """Inner."""

    share: Share = 0.5
    """between none and all"""


@dataclass(frozen=True)
class Outer(Settings):
    """Outer."""

    kind: ClassVar[str] = "no field"

    count: Annotated[int, Range(ge=1, multiple_of=2)] = 2
    """an even number"""
    below: Annotated[float, Range(gt=0, lt=1)] = 0.5
    name: Name = "a"
    mode: Literal["a", "b"] = "a"
    steps: Annotated[tuple[float, ...], Range(min_length=1, max_length=2)] = (0.0,)
    inner: Inner = Inner()
    maybe: Annotated[Inner | None, Derived()] = None
    limit: int | None = None
    table: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Derivative(Outer):
    """Derivative."""

    more: bool = True


ADAPTER = TypeAdapter(Outer)


def read(**values):
    return ADAPTER.validate_json(json.dumps(values))


@pytest.mark.parametrize("kind", [*(METHODS.settings(name) for name in METHODS), MachinesSettings, Outer, Derivative])
def test_settings_survive_the_way_through_json(kind):
    settings = kind()
    assert from_plain(kind, json.loads(json.dumps(to_plain(settings)))) == settings
    assert set(to_plain(settings)) == {field.name for field in fields(kind)}


def test_settings_that_differ_from_their_defaults_survive_too():
    settings = Outer(4, 0.25, "b", "b", (0.5, 1.0), Inner(0.1), Inner(0.2), 3, {"x": 1})
    plain = to_plain(settings)
    assert plain["steps"] == [0.5, 1.0]
    assert plain["maybe"] == {"share": 0.2}
    assert from_plain(Outer, json.loads(json.dumps(plain))) == settings


def test_nested_stages_come_back_as_their_types():
    kind = METHODS.settings("detach")
    settings = replace(kind(), spatial_settings=SpatialSettings(plateau=PlateauSettings(rate=0.5)))
    found = from_plain(kind, json.loads(json.dumps(to_plain(settings))))
    assert type(found.spatial_settings.plateau) is PlateauSettings
    assert found == settings


def test_what_is_missing_has_its_default_and_what_was_given_stays():
    plain = {"inner": {}, "steps": [1]}
    assert from_plain(Outer, plain) == Outer(steps=(1.0,))
    assert plain == {"inner": {}, "steps": [1]}


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"counts": 1}, r"^Outer: unknown counts; known are count, below, "),
        ({"kind": "x"}, r"^Outer: unknown kind"),
        ({1: 2}, r"^Outer: unknown 1"),
        ({"inner": {"shar": 1.0}}, r"^Outer\.inner: unknown shar; known are share"),
        ({"inner": 3}, r"^Outer\.inner: expected Inner, found 3"),
        ({"inner": None}, r"^Outer\.inner: expected Inner, found None"),
        ({"inner": {"share": "1"}}, r"^Outer\.inner\.share: expected float, found '1'"),
        ({"count": True}, r"^Outer\.count: expected int, found True"),
        ({"count": 2.0}, r"^Outer\.count: expected int, found 2\.0"),
        ({"below": False}, r"^Outer\.below: expected float, found False"),
        ({"name": 1}, r"^Outer\.name: expected str, found 1"),
        ({"mode": "c"}, r"^Outer\.mode: expected .*, found 'c'"),
        ({"steps": 1.0}, r"^Outer\.steps: expected .*, found 1\.0"),
        ({"steps": "ab"}, r"^Outer\.steps: expected .*, found 'ab'"),
        ({"steps": [0.0, None]}, r"^Outer\.steps\[1\]: expected float, found None"),
        ({"limit": "3"}, r"^Outer\.limit: expected int, found '3'; Outer\.limit: expected NoneType, found '3'"),
        ({"table": {"x": "1"}}, r"Outer\.table\.x: expected int, found '1'"),
        ([], r"^Outer: expected Outer, found \[\]"),
        (None, r"^Outer: expected Outer, found None"),
    ],
)
def test_unknown_keys_and_other_types_are_refused_by_their_place(plain, said):
    with pytest.raises(TypeError, match=said):
        from_plain(Outer, plain)


@pytest.mark.parametrize(
    "values",
    [
        {"count": 0},
        {"count": 3},
        {"count": "2"},
        {"count": True},
        {"below": 0},
        {"below": 1},
        {"name": "../a"},
        {"name": ""},
        {"steps": []},
        {"steps": [0, 1, 2]},
        {"inner": {"share": 1.5}},
        {"inner": {"share": -0.1}},
        {"mode": "c"},
        {"strange": 1},
        {"maybe": {"share": 0.1}},
    ],
)
def test_pydantic_holds_ranges_and_refuses_what_the_workflow_fills_in(values):
    with pytest.raises(ValidationError):
        read(**values)


def test_pydantic_reads_what_lies_in_range():
    found = read(count=4, below=0.1, name="b-2", mode="b", steps=[0, 1], inner={"share": 1}, maybe=None, limit=None)
    assert found == Outer(4, 0.1, "b-2", "b", (0.0, 1.0), Inner(1.0))


@pytest.mark.parametrize("kind", [Outer, Derivative])
def test_attribute_docstrings_are_the_schema_s_descriptions_inherited_ones_too(kind):
    schema = settings_schema(kind)
    assert schema["properties"]["count"]["description"] == "an even number"
    assert schema["properties"]["count"]["minimum"] == 1
    assert schema["properties"]["count"]["multipleOf"] == 2
    assert schema["$defs"]["Inner"]["properties"]["share"]["description"] == "between none and all"
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("name", list(METHODS))
def test_every_field_of_a_method_has_its_description_in_the_schema(name):
    kind = METHODS.settings(name)
    schema = settings_schema(kind)
    for field, found in field_types(kind).items():
        is_section = isinstance(found, type) and issubclass(found, Settings)
        described = "description" in schema["properties"][field]
        assert described or is_section or field in derived_fields(kind), field


def test_derived_fields_are_found_in_subclasses_too():
    assert derived_fields(Derivative) == {"maybe"}
    assert derived_fields(Inner) == frozenset()
    assert "kind" not in field_types(Derivative)


def test_settings_cannot_be_changed():
    with pytest.raises(AttributeError):
        Outer().count = 4  # type: ignore[misc]
