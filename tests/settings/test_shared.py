from dataclasses import fields, is_dataclass
from typing import get_type_hints, is_typeddict

import pytest

from detach_core.evaluation.settings import ProbeJob
from detach_core.settings.base import from_plain
from detach_core.settings.shared import (
    AugmentationChanges,
    AugmentationSettings,
    MachinesSettings,
    OptimizerChanges,
    OptimizerSettings,
    SensorAugmentationChanges,
    SensorAugmentationSettings,
    VideoAugmentationChanges,
    VideoAugmentationSettings,
    VideoStartSettings,
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("input.form", "raw"),
        ("input.activation_quantile", 0.5),
        ("augmentation.sensor.warp", 0.9),
        ("augmentation.video.shift_px", -1),
        ("encoders.size", "large"),
        ("encoders.dim", 6),
        ("optimizer.lr", 0),
        ("optimizer.weight_decay", -1),
        ("optimizer.max_lr", 2),
    ],
)
def test_values_out_of_range_are_refused(set_key, mistakes, path, value):
    (line,) = mistakes(set_key(path, value))
    assert line.startswith(path)


def test_what_a_weight_file_holds_is_not_for_the_configuration_to_say(set_key, mistakes):
    held = {"network": "trunk", "width": 32, "sha256": "0"}
    (line,) = mistakes(set_key("video", {"init": "scratch", "weights": held}))
    assert line == "video.weights: unknown key; known: init, network"


def test_a_start_from_nothing_has_no_path():
    assert VideoStartSettings().path is None
    assert VideoStartSettings(init="a/b.pt").path == "a/b.pt"


def test_processes_are_those_of_all_nodes():
    assert MachinesSettings(devices=4, nodes=3).num_processes == 12


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        (SensorAugmentationChanges, SensorAugmentationSettings),
        (VideoAugmentationChanges, VideoAugmentationSettings),
        (AugmentationChanges, AugmentationSettings),
        (OptimizerChanges, OptimizerSettings),
    ],
)
def test_a_candidate_may_change_every_field_of_its_sections_and_no_other(changes, kind):
    default = kind()
    hints = get_type_hints(changes)
    assert list(hints) == [field.name for field in fields(kind)]
    for name, hint in hints.items():
        assert is_typeddict(hint) if is_dataclass(getattr(default, name)) else type(getattr(default, name)) is hint


def test_a_stage_refuses_a_candidate_that_changes_what_is_not_there():
    plain = {"candidates": [{}, {"optimizer": {"lr": 1}, "augmentation": {"video": {"shift_px": 3}}}]}
    job = from_plain(ProbeJob, plain)
    assert job.candidates[1] == {"optimizer": {"lr": 1.0}, "augmentation": {"video": {"shift_px": 3}}}
    wrongs: tuple[object, ...] = (
        {"encoders": {}},
        {"optimizer": {"lrr": 1.0}},
        {"augmentation": {"sensor": {"scale": "x"}}},
    )
    for wrong in wrongs:
        with pytest.raises(TypeError, match=r"ProbeJob\.candidates\[0\]"):
            from_plain(ProbeJob, {"candidates": [wrong]})
