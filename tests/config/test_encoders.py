import pytest


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("input.form", "raw"),
        ("input.activation_quantile", 0.5),
        ("augmentation.sensor.warp", 0.9),
        ("augmentation.video.shift_px", -1),
        ("encoders.size", "large"),
        ("encoders.dim", 6),
    ],
)
def test_values_out_of_range_are_refused(set_key, mistakes, path, value):
    (line,) = mistakes(set_key(path, value))
    assert line.startswith(path)
