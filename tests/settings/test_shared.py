import pytest

from detach_core.settings.shared import MachinesSettings, VideoStartSettings


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
    assert line == "video.weights: unknown key; known: init"


def test_a_start_from_nothing_has_no_path():
    assert VideoStartSettings().path is None
    assert VideoStartSettings(init="a/b.pt").path == "a/b.pt"


def test_processes_are_those_of_all_nodes():
    assert MachinesSettings(devices=4, nodes=3).num_processes == 12
