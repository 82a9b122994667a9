import pytest


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("datasets.hwu_usp.window.length_s", 0),
        ("datasets.hwu_usp.missing.max_nan_share", 1.5),
        ("datasets.hwu_usp.missing.all_nan_channel", "ignore"),
        ("datasets.hwu_usp.video.image_px", [64, 48, 3]),
        ("datasets.hwu_usp.video.crop_px", [0, 0, 10]),
        ("datasets.hwu_usp.video.length_tolerance_s", -1),
        ("datasets.hwu_usp.flow.method", "tvl1"),
        ("datasets.hwu_usp.flow.max_px", 0),
    ],
)
def test_values_out_of_range_are_refused(set_key, mistakes, path, value):
    (line,) = mistakes(set_key(path, value))
    assert line.startswith(path)
