import json

import pytest
from pydantic import Field, ValidationError

from detach_core.config.document import Section, canonical, plain
from detach_core.config.load import load_config
from detach_core.settings.base import Settings


class Toy(Section):
    rate: float = Field(gt=0)


def test_unknown_keys_missing_keys_and_text_for_numbers_are_refused():
    for bad in ({"rate": 1.0, "rte": 2.0}, {}, {"rate": "1.0"}, {"rate": True}, {"rate": float("nan")}):
        with pytest.raises(ValidationError):
            Toy.model_validate(bad)


def test_a_section_cannot_be_changed():
    section = Toy(rate=1.0)
    with pytest.raises(ValidationError):
        section.rate = 2.0


def test_key_order_does_not_reach_the_canonical_text():
    assert canonical({"b": 1, "a": {"d": [Toy(rate=2)], "c": None}}) == canonical(
        {"a": {"c": None, "d": [Toy(rate=2.0)]}, "b": 1}
    )


def test_plain_turns_sections_into_dicts_at_any_depth():
    assert plain({"x": [Toy(rate=2)]}) == {"x": [{"rate": 2.0}]}


def test_every_section_has_no_default_value(root):
    def sections(base):
        for section in base.__subclasses__():
            if section.__module__.startswith("detach_core"):
                yield section
            yield from sections(section)

    assert load_config.__module__ == "detach_core.config.load"  # its import has brought in every section
    found = list(sections(Section))
    assert found
    for section in found:
        for name, field in section.model_fields.items():
            # The sections that settings share have their defaults beside their types, for methods of other packages.
            is_settings = isinstance(field.annotation, type) and issubclass(field.annotation, Settings)
            assert field.is_required() or is_settings, f"{section.__name__}.{name} has a default"


def test_settings_as_text_end_no_script_and_say_the_same():
    value = {"query_class": "</script><!-- ü"}
    assert "<" not in canonical(value)
    assert json.loads(canonical(value)) == value
