from dataclasses import fields

import pytest

from detach_core.config.variants import COMMON
from detach_core.methods.registry import METHODS, MethodSettings, TrainedSettings, VideoNetworkSettings
from detach_core.settings.base import Settings, derived_fields, field_types


@pytest.mark.parametrize("name", list(METHODS))
def test_a_method_s_settings_are_a_frozen_dataclass_with_all_defaults_in_one_place(name):
    kind = METHODS.settings(name)
    assert issubclass(kind, MethodSettings)
    assert kind.__module__.startswith("detach_core.methods.")
    assert kind() == kind()
    with pytest.raises(AttributeError):
        kind().input = None  # type: ignore[misc]


@pytest.mark.parametrize("name", list(METHODS))
def test_no_field_of_a_method_hides_a_key_of_the_variant_or_of_the_machines(name):
    names = {field.name for field in fields(METHODS.settings(name))}
    assert not {"method", "spatial", "device", "threads", "devices", "nodes"} & names


@pytest.mark.parametrize("name", list(METHODS))
def test_sections_of_other_settings_are_the_common_ones_or_the_method_s_own(name):
    kind = METHODS.settings(name)
    shared = {
        field
        for field, found in field_types(kind).items()
        if isinstance(found, type) and issubclass(found, Settings) and found.__module__ == "detach_core.settings.shared"
    }
    assert shared <= set(COMMON)


def test_epochs_that_a_share_shortens_are_fields():
    for name in METHODS:
        kind = METHODS.settings(name)
        assert kind.counts_of_epochs <= set(field_types(kind)), name
        assert bool(kind.counts_of_epochs) == issubclass(kind, TrainedSettings), name


def test_stage_1_is_asked_for_by_detach_alone_and_filled_in_by_the_workflow():
    assert [name for name in METHODS if METHODS.settings(name).needs_spatial] == ["detach"]
    assert derived_fields(METHODS.settings("detach")) == {"spatial_settings"}


def test_every_method_that_takes_a_weight_file_has_a_start_of_its_video():
    for name in METHODS:
        kind = METHODS.settings(name)
        assert not kind.takes_weight_file or issubclass(kind, VideoNetworkSettings), name
